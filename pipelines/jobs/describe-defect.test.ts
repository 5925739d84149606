import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openDataEngine } from "../datasets/duckdb.ts";
import { describeDefect } from "./describe-defect.ts";
import { writeJob } from "./job-files.ts";
import { runJob } from "./run-job.ts";

const SECRET = "p-secret-1";

describe("an error that nobody foresaw", () => {
  it("is told by its kind and place, without a value of the row that met it", async () => {
    const engine = await openDataEngine({ folders: [] });
    const error = await engine.run(`SELECT CAST('${SECRET}' AS BIGINT)`).then(
      () => assert.fail("it was cast"),
      (thrown: Error) => thrown,
    );
    engine.close();
    assert.match(error.message, new RegExp(SECRET));
    const told = describeDefect(error);
    assert.match(told, /^unforeseen \(Error, Conversion Error.*\); the job's log has the whole$/);
    assert.doesNotMatch(told, new RegExp(SECRET));
  });

  it("is told by the system's code; what looks like a code or a place in the data is not", () => {
    const system = Object.assign(new Error("no such file"), { code: "ENOENT" });
    assert.match(describeDefect(system), /^unforeseen \(Error, ENOENT at /);
    const odd = Object.assign(new TypeError(`x\n    at ${SECRET}.js:1:1`), { code: `${SECRET} x` });
    assert.match(describeDefect(odd), /^unforeseen \(TypeError at describe-defect\.test\.js:\d+\)/);
    odd.stack = "";
    assert.equal(describeDefect(odd), "unforeseen (TypeError); the job's log has the whole");
  });

  it("stands in the job's failure without its message, and whole in its log", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-defect-"));
    const path = join(folder, `${SECRET}.parquet`);
    writeFileSync(path, "no Parquet");
    const batch = { id: "b", path, schema: [], isPartial: false };
    const paths = { acceptedPaths: [], partialPaths: [] };
    const spec = { datasetName: "d", dataset: {}, batch, contract: null, ...paths };
    writeJob(folder, { schemaVersion: 1, runId: "r", kind: "check", spec });
    let log = "";
    const io = { stdout: { write: (text: string) => (log += text) }, env: {} };
    assert.notEqual(await runJob("check", folder, io, async () => undefined), 0);
    const failure = readFileSync(join(folder, "failure.json"), "utf8");
    rmSync(folder, { recursive: true });
    assert.match(failure, /unforeseen \(Error, Invalid Input Error/);
    assert.doesNotMatch(failure, new RegExp(SECRET));
    assert.match(log, new RegExp(`"defect".*${SECRET}`));
  });
});
