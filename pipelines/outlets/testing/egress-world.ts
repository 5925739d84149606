import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Value } from "@sinclair/typebox/value";
import type { ColumnSchema } from "../../datasets/column.ts";
import { openDataEngine, quoteText } from "../../datasets/duckdb.ts";
import { afterLanding } from "../../loop/commit/after-landing.ts";
import { nextBatchSeq, raise } from "../../loop/commit/commit.ts";
import { landBatch } from "../../loop/commit/land-batch.ts";
import { type Outlet, OutletSchema, type Project, ProjectSchema } from "../../project/project.ts";
import { openStore, type Store, storePath } from "../../store/store.ts";
import { subjectOf } from "../../store/subject.ts";
import type { BatchStatus } from "../../store/tables.ts";
import { type BatchRows, createBatchRows } from "../batch-rows.ts";

/** A home with a store and real Parquet batches, for tests of what leaves it. */
export interface EgressWorld {
  readonly home: string;
  readonly store: Store;
  readonly rows: BatchRows;
  project: Project;
  /** Writes a batch, with a seq for the time until it lands. `select` is SQL; `schema` its columns. */
  pull(
    id: string,
    select: string,
    schema: readonly ColumnSchema[],
    status?: BatchStatus,
  ): Promise<void>;
  /** Lands it by the loop's own commits, fresh or from quarantine. */
  land(id: string): Promise<void>;
  /** Both, of rows `{n: first} … {n: first + count - 1}` in the dataset `scores`. */
  landNumbers(id: string, first: number, count: number): Promise<void>;
  close(): Promise<void>;
}

export const NUMBERS: readonly ColumnSchema[] = [{ name: "n", type: "integer" }];

export function projectWith(outlets: Readonly<Record<string, Partial<Outlet>>>): Project {
  const filled = Object.entries(outlets).map(([name, outlet]) => [
    name,
    Value.Default(variantOf(outlet), { ...outlet }),
  ]);
  const project = { schemaVersion: 1, project: "test", outlets: Object.fromEntries(filled) };
  return Value.Decode(ProjectSchema, Value.Default(ProjectSchema, project));
}

/** Defaults are filled in only where it is known which of the kinds it is. */
function variantOf({ kind }: Partial<Outlet>) {
  const variant = OutletSchema.anyOf.find(({ properties }) => properties.kind.const === kind);
  if (variant === undefined) throw new Error(`no kind of outlet '${kind}'`);
  return variant;
}

export async function createEgressWorld(
  outlets: Readonly<Record<string, Partial<Outlet>>>,
): Promise<EgressWorld> {
  const home = mkdtempSync(join(tmpdir(), "sluice-egress-"));
  const store = await openStore(storePath(home));
  const engine = await openDataEngine({ folders: [home] });
  const rows = createBatchRows([home]);
  const world: EgressWorld = {
    home,
    store,
    rows,
    project: projectWith(outlets),
    async pull(id, select, schema, status = "pulled") {
      const path = join(home, "data", "scores", "batches", `${id}.parquet`);
      mkdirSync(dirname(path), { recursive: true });
      await engine.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
      const [counted] = await engine.rows(`SELECT count(*) AS n FROM ${quoteText(path)}`);
      await store.transaction().execute(async (tx) => {
        await tx
          .insertInto("batches")
          .values({
            seq: await nextBatchSeq(tx),
            id,
            dataset: "scores",
            origin: "score:m",
            status,
            path,
            sha256: "",
            bytes: 1,
            rows: Number(counted?.["n"]),
            schema_json: JSON.stringify(schema),
            treatments_json: "{}",
            profile_path: null,
            problems_json: null,
            checked_contract: null,
            is_partial: 0,
            checked_rules: null,
            run_id: "r",
            created_at_ms: 0,
          })
          .execute();
      });
    },
    async land(id) {
      await store.transaction().execute(async (tx) => {
        const loaded = { project: world.project, file: join(home, "sluice.yaml"), folder: home };
        const context = { tx, project: { ...loaded, sha256: "" }, home, nowMs: 0 };
        const batch = await tx
          .selectFrom("batches")
          .selectAll()
          .where("id", "=", id)
          .executeTakeFirstOrThrow();
        const landed = await landBatch(context, batch, null, "r");
        const type = batch.status === "quarantined" ? "batch.released" : "batch.landed";
        await raise(context, { type, subject: subjectOf.batch(id), runId: "r", details: {} });
        await afterLanding(context, landed);
      });
    },
    async landNumbers(id, first, count) {
      await world.pull(id, `SELECT range AS n FROM range(${first}, ${first + count})`, NUMBERS);
      await world.land(id);
    },
    async close() {
      engine.close();
      await rows.close();
      await store.destroy();
      rmSync(home, { recursive: true });
    },
  };
  return world;
}
