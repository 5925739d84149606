import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { UnscoredBatch } from "./snapshot.ts";

const MAX_BATCHES = 100;
const COLUMNS = [
  "batches.id",
  "batches.path",
  "batches.sha256",
  "batches.bytes",
  "batches.rows",
] as const;

type Batch = Omit<UnscoredBatch, "failures">;

/**
 * Batches of the dataset that a version of the model is to score, oldest first: those that landed
 * after what the model's first version was trained on and after the last that was scored (they are
 * scored or skipped in the order of their landing); then those that another version skipped.
 */
export async function readUnscored(
  store: StoreReader,
  dataset: string,
  model: string,
  version: number,
): Promise<UnscoredBatch[]> {
  const fresh = await readFresh(store, dataset, model);
  const skipped = await readSkipped(store, dataset, model, version);
  const batches = [...fresh, ...skipped].slice(0, MAX_BATCHES);
  const failures = await countFailures(store, batches, subjectOf.model(model, version));
  return batches.map((batch) => ({ ...batch, failures: failures.get(batch.id) ?? 0 }));
}

async function readFresh(store: StoreReader, dataset: string, model: string): Promise<Batch[]> {
  const after = await readFirstSeq(store, model);
  const last = await store
    .selectFrom("batches")
    .select("seq")
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("seq", ">", after)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("scored")
          .select("version")
          .where("model", "=", model)
          .whereRef("batch_id", "=", "batches.id"),
      ),
    )
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return await store
    .selectFrom("batches")
    .select(COLUMNS)
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("seq", ">", last?.seq ?? after)
    .orderBy("seq")
    .limit(MAX_BATCHES)
    .execute();
}

/** Of the last batch that the model's first version was trained on; 0: it was not trained here. */
async function readFirstSeq(store: StoreReader, model: string): Promise<number> {
  const first = await store
    .selectFrom("candidates")
    .innerJoin("dataset_versions", (join) =>
      join
        .onRef("dataset_versions.dataset", "=", "candidates.dataset")
        .onRef("dataset_versions.version", "=", "candidates.dataset_version"),
    )
    .innerJoin("batches", "batches.id", "dataset_versions.batch_id")
    .select("batches.seq")
    .where("candidates.model", "=", model)
    .where("candidates.stage", "=", "published")
    .orderBy("candidates.version")
    .limit(1)
    .executeTakeFirst();
  return first?.seq ?? 0;
}

async function readSkipped(
  store: StoreReader,
  dataset: string,
  model: string,
  version: number,
): Promise<Batch[]> {
  return await store
    .selectFrom("scored")
    .innerJoin("batches", "batches.id", "scored.batch_id")
    .select(COLUMNS)
    .where("scored.model", "=", model)
    .where("scored.into_batch_id", "is", null)
    .where("scored.version", "<>", version)
    .where("batches.dataset", "=", dataset)
    .orderBy("batches.seq")
    .limit(MAX_BATCHES)
    .execute();
}

/** Score jobs of the version that failed, by batch. */
async function countFailures(
  store: StoreReader,
  batches: readonly Batch[],
  scorer: string,
): Promise<Map<string, number>> {
  if (batches.length === 0) return new Map();
  const byBatch = new Map(batches.map(({ id }) => [subjectOf.batch(id), id]));
  const rows = await store
    .selectFrom("edges")
    .innerJoin("runs", "runs.id", "edges.run_id")
    .select(["edges.subject", ({ fn }) => fn.countAll<number>().as("count")])
    .where("edges.subject", "in", [...byBatch.keys()])
    .where("edges.direction", "=", "in")
    .where("runs.kind", "=", "score")
    .where("runs.subject", "=", scorer)
    .where("runs.status", "=", "failed")
    .groupBy("edges.subject")
    .execute();
  return new Map(rows.map(({ subject, count }) => [byBatch.get(subject) ?? "", Number(count)]));
}
