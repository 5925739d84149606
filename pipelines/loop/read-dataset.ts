import type { DatasetConfig } from "../project/project.ts";
import type { StoreReader } from "../store/store.ts";
import { checkRules } from "./check-rules.ts";
import type { BatchRow, DatasetState, LandedBatch } from "./snapshot.ts";

/** Accepted batches that decide anything: a contract is inferred from at most so many. */
const HISTORY_BATCHES = 100;
/** Of what waits only the first ones are looked at; a feed that is so far ahead is not read further. */
const MAX_WAITING = 100;

/** Takes the same time however many batches have landed. */
export async function readDataset(
  store: StoreReader,
  name: string,
  config: DatasetConfig,
): Promise<DatasetState> {
  const contract = await store
    .selectFrom("contracts")
    .selectAll()
    .where("dataset", "=", name)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const version = await store
    .selectFrom("dataset_versions")
    .select(["version", "rows", "updated_rows as updatedRows"])
    .where("dataset", "=", name)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  return {
    pulled: await readPulled(store, name),
    releasable: await readReleasable(store, name, checkRules(contract?.version ?? 0, config)),
    landed: await readLanded(store, name),
    contract: contract ?? null,
    version: version ?? null,
  };
}

async function readPulled(store: StoreReader, dataset: string): Promise<BatchRow[]> {
  return await store
    .selectFrom("batches")
    .selectAll()
    .where("dataset", "=", dataset)
    .where("status", "=", "pulled")
    .orderBy("seq")
    .limit(MAX_WAITING)
    .execute();
}

async function readReleasable(
  store: StoreReader,
  dataset: string,
  rules: string,
): Promise<BatchRow[]> {
  return await store
    .selectFrom("batches")
    .selectAll()
    .where("dataset", "=", dataset)
    .where("status", "=", "quarantined")
    .where((is) => is.or([is("checked_rules", "is", null), is("checked_rules", "<>", rules)]))
    .orderBy("seq")
    .limit(MAX_WAITING)
    .execute();
}

async function readLanded(store: StoreReader, dataset: string): Promise<LandedBatch[]> {
  const newestFirst = await store
    .selectFrom("batches")
    .select(["id", "path", "is_partial", "created_at_ms"])
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .orderBy("seq", "desc")
    .limit(HISTORY_BATCHES)
    .execute();
  return newestFirst.reverse();
}
