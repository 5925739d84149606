import type { DataFile } from "../datasets/dataset-version.ts";
import type { StoreReader } from "../store/store.ts";

/**
 * The files of a version of a dataset, in the order of their landing: the batches up to the one that
 * made it. Empty when there is no such version.
 */
export async function filesOfVersion(
  store: StoreReader,
  dataset: string,
  version: number,
): Promise<DataFile[]> {
  const rows = await store
    .selectFrom("batches")
    .select(["id", "path", "sha256", "bytes", "rows"])
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("seq", "<=", (query) =>
      query
        .selectFrom("dataset_versions")
        .innerJoin("batches as last", "last.id", "dataset_versions.batch_id")
        .select("last.seq")
        .where("dataset_versions.dataset", "=", dataset)
        .where("dataset_versions.version", "=", version),
    )
    .orderBy("seq")
    .execute();
  return rows.map(({ id, ...file }) => ({ ...file, batchId: id }));
}
