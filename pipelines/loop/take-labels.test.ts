import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openDataEngine, quoteText } from "../datasets/duckdb.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { homePaths } from "./home.ts";
import { takeLabels } from "./take-labels.ts";
import { makeBatch, makeProject } from "./testing/make-snapshot.ts";

describe("takeLabels", () => {
  let home = "";
  let store: Store;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-labels-"));
    store = await openStore(storePath(home));
  });
  after(async () => {
    await store.destroy();
    rmSync(home, { recursive: true });
  });

  it("takes batches that landed before the entry was written, each once", async () => {
    const engine = await openDataEngine({ folders: [home] });
    for (const [seq, id] of ["a", "b", "c"].entries()) {
      const path = homePaths.batch(home, "outcomes", id);
      mkdirSync(dirname(path), { recursive: true });
      await engine.run(
        `COPY (SELECT 'i-${id}' AS inference, true AS late) TO ${quoteText(path)} (FORMAT parquet)`,
      );
      const columns = [
        { name: "inference", type: "text" },
        { name: "late", type: "boolean" },
      ];
      const status = id === "c" ? "quarantined" : "landed";
      const row = makeBatch(id, { seq: seq + 1, dataset: "outcomes", path, status });
      await store
        .insertInto("batches")
        .values({ ...row, schema_json: JSON.stringify(columns) })
        .execute();
    }
    engine.close();
    const entry = { dataset: "outcomes", model: "delay", inferenceId: "inference", label: "late" };
    const project = {
      project: makeProject({ labels: { truth: entry } }),
      file: "",
      folder: "",
      sha256: "",
    };
    const take = () => takeLabels({ store, project, home, nowMs: 1000 });
    assert.equal(await take(), true);
    assert.equal(await take(), false);
    const files = await store.selectFrom("label_files").select(["id", "rows"]).execute();
    assert.deepEqual(files, [
      { id: "a-truth", rows: 1 },
      { id: "b-truth", rows: 1 },
    ]);
    await store.updateTable("batches").set({ status: "landed" }).where("id", "=", "c").execute();
    assert.equal(await take(), true);
  });
});
