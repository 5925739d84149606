import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Selectable } from "kysely";
import { fromParquet, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import type { Store } from "../store/store.ts";
import type { LabelFileTable } from "../store/tables.ts";
import { homePaths } from "./home.ts";

type LabelFile = Selectable<LabelFileTable>;

/** So many files of one tier become one of the next: labels come in small files, all day long. */
const FAN_IN = 32;
const MAX_TIER = 2;

/**
 * Merges small label files, so that a look at a window reads some dozens of them and not thousands.
 * The order of the labels is kept (the last one told counts). Puts it off while an `observe` waits or
 * runs, whose spec names the files; only the coordinator may call it.
 */
export async function mergeLabels(store: Store, home: string): Promise<void> {
  const looking = await store
    .selectFrom("runs")
    .select("id")
    .where("kind", "=", "observe")
    .where("status", "in", ["queued", "running"])
    .limit(1)
    .execute();
  if (looking.length > 0) return;
  for (let tier = 0; tier < MAX_TIER; tier += 1) {
    const files = await store
      .selectFrom("label_files")
      .selectAll()
      .where("tier", "=", tier)
      .orderBy("seq")
      .limit(FAN_IN)
      .execute();
    if (files.length === FAN_IN) await mergeFiles(store, home, files, tier + 1);
  }
}

async function mergeFiles(
  store: Store,
  home: string,
  files: readonly LabelFile[],
  tier: number,
): Promise<void> {
  const last = files.at(-1) as LabelFile;
  const id = `merged-${tier}-${last.seq}`;
  const path = homePaths.labels(home, id);
  await writeMerged(home, files, path);
  const ids = files.map((file) => file.id);
  await store.transaction().execute(async (tx) => {
    await tx.deleteFrom("label_files").where("id", "in", ids).execute();
    await tx
      .insertInto("label_files")
      .values({
        seq: last.seq,
        id,
        tier,
        path,
        rows: files.reduce((sum, file) => sum + file.rows, 0),
        created_at_ms: Math.max(...files.map((file) => file.created_at_ms)),
      })
      .execute();
  });
  for (const file of files) rmSync(file.path, { force: true });
}

async function writeMerged(home: string, files: readonly LabelFile[], path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const engine = await openDataEngine({ folders: [join(home, "data")], memoryMib: 256 });
  try {
    await engine.run(
      `COPY (SELECT * FROM ${fromParquet(files.map((file) => file.path))})
       TO ${quoteText(`${path}.tmp`)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    engine.close();
  }
  renameSync(`${path}.tmp`, path);
}
