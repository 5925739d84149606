import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Signature } from "../../protocols/core/signature.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { serializeDocument } from "../../protocols/repository/documents.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { badOpModel, identityModel, scaleModel } from "../../server/testing/tiny-models.ts";
import { LEAF } from "../train/trees-model.ts";
import type { VetSpec } from "./compile-spec.ts";
import { createJobFixture, type JobFixture, put } from "./testing/job-fixture.ts";
import { buildTreeGraph } from "./tree-graph.ts";
import { type VetProgram, vet, vetWith } from "./vet.ts";

const VET_MODULE = new URL("../../server/commands/vet.js", import.meta.url).href;
const GOLDEN_REQUEST = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}';

describe("vet", () => {
  let job: JobFixture;
  beforeEach(() => {
    job = createJobFixture();
  });
  afterEach(() => job.remove());

  const specOf = (bytes: Uint8Array, changes: Partial<VetSpec> = {}): VetSpec => ({
    model: "m",
    modelPath: put(job.folder, "given.onnx", bytes),
    goldenPath: null,
    championManifestPath: null,
    isBreaking: false,
    ...changes,
  });
  const golden = (last: number) =>
    put(
      job.folder,
      "golden.jsonl",
      `${GOLDEN_REQUEST}\n{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":[2,4,6,${last}]}]}\n`,
    );
  /** A program that stands in the vetter's place. */
  const program = (code: string, timeoutMs = 60_000): VetProgram => ({
    args: [put(job.folder, "program.mjs", code)],
    timeoutMs,
  });
  /** The command's module as the server's entry calls it. */
  const vetter = ({ modelPath, goldenPath }: VetSpec) =>
    program(`
      import { vetCommand } from ${JSON.stringify(VET_MODULE)};
      const args = ${JSON.stringify({ file: modelPath, golden: goldenPath, json: true })};
      const inputs = { flags: {}, env: process.env, file: null, cwd: process.cwd() };
      const io = { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: inputs.cwd };
      process.exitCode = await vetCommand(args, inputs, io);
    `);
  const run = (spec: VetSpec) => vetWith(vetter(spec), spec, job.context);

  it("passes a model that the server would let in, golden requests and all", async () => {
    const result = await run(specOf(scaleModel(2), { goldenPath: golden(8) }));
    assert.equal(result.outcome, "passed", result.reason ?? "");
    assert.equal(result.goldenCount, 1);
    assert.ok((result.peakRssBytes ?? 0) > 0);
    assert.deepEqual(job.pauses, ["vetted"]);
  });

  it("refuses a model that answers a golden request otherwise, or cannot be loaded", async () => {
    const wrong = await run(specOf(scaleModel(2), { goldenPath: golden(9) }));
    assert.deepEqual([wrong.outcome, wrong.goldenCount], ["refused", 0]);
    assert.match(wrong.reason ?? "", /golden request 1: output 'y'/);
    const bad = await run(specOf(badOpModel()));
    assert.match(bad.reason ?? "", /domain that is not allowed/);
    const none = await run(specOf(new TextEncoder().encode("{}")));
    assert.match(none.reason ?? "", /expected an ONNX model, got text \(JSON\)/);
  });

  it("refuses a model that kills whoever loads it", async () => {
    const result = await run(specOf(buildTreeGraph(chainOfQuestions(400_000))));
    assert.equal(result.outcome, "refused");
    assert.match(result.reason ?? "", /crashed the vetting process \(SIGSEGV\)/);
  });

  it("names a vetter that crashes, hangs, fails or talks nonsense", async () => {
    const spec = specOf(scaleModel(2));
    const reasonOf = async (code: string, timeoutMs?: number) => {
      const result = await vetWith(program(code, timeoutMs), spec, job.context);
      assert.equal(result.outcome, "refused");
      return result.reason ?? "";
    };
    const crash = 'process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000);';
    assert.equal(await reasonOf(crash), "crashed in vetting: SIGSEGV");
    assert.match(await reasonOf("setInterval(() => {}, 1000);", 300), /longer than 300 ms/);
    const exit = 'console.error("boom"); process.exitCode = 7;';
    assert.match(await reasonOf(exit), /without a verdict \(exit code 7\) boom/);
    assert.match(await reasonOf('console.log("hello");'), /without a verdict \(exit code 0\)/);
    const line = '{"outcome":"passed","reason":null,"goldenCount":0,"peakRssBytes":1}';
    const lie = `console.log(${JSON.stringify(line)}); process.exitCode = 1;`;
    assert.match(await reasonOf(lie), /said 'passed' but ended with exit code 1/);
  });

  it("gives the vetting process no secret", async () => {
    const env = { PATH: process.env["PATH"], AZURE_STORAGE_KEY: "s3cret" };
    const spec = specOf(scaleModel(2));
    const code = 'console.error(process.env.AZURE_STORAGE_KEY ?? "none"); process.exitCode = 1;';
    const result = await vetWith(program(code), spec, { ...job.context, env });
    assert.match(result.reason ?? "", /none$/);
  });

  it("fails as a job, and blames no model, when the vetter cannot begin or is stopped", async () => {
    const spec = specOf(scaleModel(2));
    const usage = 'console.error("sluice: SLUICE_HOME is wrong"); process.exitCode = 2;';
    await assert.rejects(vetWith(program(usage), spec, job.context), /SLUICE_HOME is wrong/);
    const controller = new AbortController();
    controller.abort();
    const stopped = { ...job.context, signal: controller.signal };
    const hang = "setInterval(() => {}, 1000);";
    await assert.rejects(vetWith(program(hang), spec, stopped), /vetting was stopped/);
  });

  it("refuses what would break the champion's clients, unless it may", async () => {
    const { signature } = inspectModel(scaleModel(2));
    const championManifestPath = put(job.folder, "manifest.json", manifestOf(signature));
    const other = identityModel("FP32");
    const refused = await run(specOf(other, { championManifestPath }));
    assert.match(refused.reason ?? "", /version 4 could break: input 'x' had shape \[-1,4\]/);
    const breaking = await run(specOf(other, { championManifestPath, isBreaking: true }));
    assert.equal(breaking.outcome, "passed", breaking.reason ?? "");
    const same = await run(specOf(scaleModel(3), { championManifestPath }));
    assert.equal(same.outcome, "passed", same.reason ?? "");
  });

  it("runs the server's own command", async () => {
    const spec = specOf(scaleModel(2), { goldenPath: golden(8) });
    const passed = await vet(spec, job.context);
    assert.deepEqual([passed.outcome, passed.goldenCount, passed.reason], ["passed", 1, null]);
    const refused = await vet({ ...spec, goldenPath: golden(9) }, job.context);
    assert.match(refused.reason ?? "", /golden request 1/);
  });

  it("leaves the model as it was", async () => {
    const spec = specOf(scaleModel(2));
    await run(spec);
    assert.deepEqual(new Uint8Array(readFileSync(spec.modelPath)), scaleModel(2));
  });
});

function manifestOf(signature: Signature): Uint8Array {
  return serializeDocument({
    schemaVersion: 1,
    model: "m",
    version: 4,
    files: [{ path: "model.onnx", bytes: 1, sha256: "0".repeat(64) }],
    signature,
    opset: { "": 17 },
    breaking: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    lineage: {},
  } as unknown as Manifest);
}

/** A tree so deep that whoever walks it by recursion runs out of stack: ONNX Runtime does. */
function chainOfQuestions(depth: number) {
  const nodes = 2 * depth + 1;
  const list = <T>(of: (node: number) => T) => Array.from({ length: nodes }, (_, node) => of(node));
  const isQuestion = (at: number) => at % 2 === 0 && at < nodes - 1;
  return {
    schemaVersion: 1 as const,
    task: "regression" as const,
    features: [{ name: "x", kind: "number" as const }],
    baseValue: 0,
    trees: [
      {
        feature: list((at) => (isQuestion(at) ? 0 : LEAF)),
        threshold: list((at) => (isQuestion(at) ? Math.fround(at) : 0)),
        set: list(() => null),
        left: list((at) => (isQuestion(at) ? at + 1 : 0)),
        right: list((at) => (isQuestion(at) ? at + 2 : 0)),
        missingLeft: list(() => false),
        value: list((at) => (isQuestion(at) ? 0 : 1)),
      },
    ],
  };
}
