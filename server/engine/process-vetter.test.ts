import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Signature } from "../../protocols/core/signature.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import { VetRefusal } from "../models/loader.ts";
import type { LocalVersion } from "../models/source.ts";
import {
  badOpModel,
  crossRowModel,
  identityModel,
  scaleModel,
  slowModel,
  stateModel,
} from "../testing/tiny-models.ts";
import { loadNativeRuntime } from "./native-runtime.ts";
import type { EngineName } from "./pick-engine.ts";
import { type ChildEnd, createProcessVetter, judgeEnd, type Verdict } from "./process-vetter.ts";

const NO_SIGNAL = new AbortController().signal;

for (const engine of ["portable", "native"] as const) {
  describe(`vetting in a child process, ${engine} engine`, skipUnlessLoads(engine), () =>
    vetting(engine),
  );
}

describe("the end of a vetting child", () => {
  const refused: Verdict = { kind: "refused", reason: "bad" };
  const passed = { kind: "passed", report: {} } as Verdict;
  const stopped = new Error("vetting used too much memory");
  const silent: ChildEnd = {
    ...{ verdict: null, stopped: null },
    ...{ signalName: null, exitCode: null, stderr: "" },
  };

  it("is a refusal whatever we ended it for: that is kept, and not tried again", () => {
    assert.equal(judgeEnd({ ...silent, verdict: refused, stopped }), refused);
    assert.equal(judgeEnd({ ...silent, verdict: refused, signalName: "SIGKILL" }), refused);
  });

  it("is no pass where it was ended for what it took", () => {
    assert.equal(judgeEnd({ ...silent, verdict: passed, stopped }), stopped);
    assert.equal(judgeEnd({ ...silent, verdict: passed, signalName: "SIGKILL" }), passed);
  });

  it("is the model's fault where it crashed, and nobody's where it was killed", () => {
    const crash = judgeEnd({ ...silent, signalName: "SIGSEGV", stderr: "one\ntwo\n" });
    const reason = "it crashed the vetting process (SIGSEGV) two";
    assert.deepEqual(crash, { kind: "refused", reason });
    for (const end of [{ signalName: "SIGKILL" }, { exitCode: 3 }]) {
      const error = judgeEnd({ ...silent, ...end });
      assert.ok(error instanceof Error);
      assert.match(error.message, /without a verdict \((SIGKILL|exit code 3)\)/);
    }
  });
});

function skipUnlessLoads(engine: EngineName): { skip: string | false } {
  const { reason } = loadNativeRuntime();
  return {
    skip: engine === "native" && reason !== null ? `the addon does not load: ${reason}` : false,
  };
}

function vetting(engine: EngineName): void {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-vet-test-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const vetter = (limits: { timeoutMs?: number; maxRssBytes?: number } = {}) =>
    createProcessVetter({
      engine,
      verdictDir: join(folder, "verdicts"),
      timeoutMs: limits.timeoutMs ?? 30_000,
      maxRssBytes: limits.maxRssBytes ?? 2 ** 32,
    });

  it("reports the signature and that rows may be stacked", async () => {
    const report = await vetter().vet(localVersion(folder, scaleModel(2)), NO_SIGNAL);
    assert.deepEqual(report.signature, {
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 4] }],
    });
    assert.equal(report.isBatchable, true);
    assert.ok((report.sampleMs ?? 0) > 0);
    // No process of Node.js is smaller; a quick one must be measured too.
    if (process.platform === "linux") assert.ok(report.peakRssBytes > 2 ** 24);
  });

  it("proves that rows must not be stacked where they see each other or are fixed", async () => {
    const mixed = await vetter().vet(localVersion(folder, crossRowModel()), NO_SIGNAL);
    assert.equal(mixed.isBatchable, false);
    const state = await vetter().vet(localVersion(folder, stateModel()), NO_SIGNAL);
    assert.equal(state.isBatchable, false);
  });

  it("replays golden requests, and refuses a model that answers otherwise", async () => {
    const request = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}';
    const answer = (data: string) =>
      `{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":${data}}]}`;
    const good = localVersion(folder, scaleModel(2), {
      golden: `${request}\n${answer("[2,4,6,8]")}\n`,
    });
    assert.equal((await vetter().vet(good, NO_SIGNAL)).goldenCount, 1);
    const bad = localVersion(folder, scaleModel(2), {
      golden: `${request}\n${answer("[2,4,6,9]")}\n`,
    });
    await assert.rejects(vetter().vet(bad, NO_SIGNAL), refusal(/golden request 1: output 'y'/));
    const torn = localVersion(folder, scaleModel(2), { golden: `${request}\n` });
    await assert.rejects(vetter().vet(torn, NO_SIGNAL), refusal(/pairs of lines, got 1/));
  });

  it("refuses operators that need native code of others", async () => {
    const version = localVersion(folder, badOpModel());
    await assert.rejects(vetter().vet(version, NO_SIGNAL), refusal(/domain that is not allowed/));
  });

  it("refuses bytes that are no model, and a manifest that tells another signature", async () => {
    const text = new TextEncoder().encode("hello");
    const none: Signature = { inputs: [], outputs: [] };
    await assert.rejects(
      vetter().vet(localVersion(folder, text, { signature: none }), NO_SIGNAL),
      refusal(/not a usable ONNX model/),
    );
    const lying = localVersion(folder, scaleModel(2), { signature: none });
    await assert.rejects(vetter().vet(lying, NO_SIGNAL), refusal(/the manifest declares/));
  });

  it("refuses datatypes that the engine cannot carry", async () => {
    const version = localVersion(folder, identityModel("BF16"));
    const verdict = vetter().vet(version, NO_SIGNAL);
    if (engine === "native") assert.equal((await verdict).isBatchable, true);
    else await assert.rejects(verdict, refusal(/BF16, which this engine/));
  });

  it("kills a child that takes too long or too much memory, and may try again", async () => {
    const slow = localVersion(folder, slowModel(50));
    await assert.rejects(vetter({ timeoutMs: 1 }).vet(slow, NO_SIGNAL), (e) => {
      assert.ok(e instanceof Error && !(e instanceof VetRefusal));
      assert.match(e.message, /longer than 1 ms \(vetTimeoutMs\)/);
      return true;
    });
    await assert.rejects(
      vetter({ maxRssBytes: 1024 }).vet(slow, NO_SIGNAL),
      /more than 1024 \(vetMaxRssBytes\)/,
    );
    assert.equal((await vetter().vet(slow, NO_SIGNAL)).goldenCount, 0);
  });

  it("judges the same bytes once", async () => {
    const version = localVersion(folder, scaleModel(77));
    await vetter().vet(version, NO_SIGNAL);
    // A second judgement would find no model in the folder and refuse it.
    rmSync(join(version.directory, "model.onnx"));
    assert.equal((await vetter().vet(version, NO_SIGNAL)).isBatchable, true);
  });

  it("judges all the same where the verdict cannot be kept", async () => {
    const verdictDir = join(folder, "full");
    const limits = { engine, verdictDir, timeoutMs: 30_000, maxRssBytes: 2 ** 32 };
    const version = localVersion(folder, scaleModel(79));
    await createProcessVetter(limits).vet(version, NO_SIGNAL);
    const verdict = join(verdictDir, readdirSync(verdictDir)[0] as string);
    rmSync(verdict);
    // A folder in its place cannot be replaced by a file.
    mkdirSync(verdict);
    assert.equal((await createProcessVetter(limits).vet(version, NO_SIGNAL)).isBatchable, true);
    assert.deepEqual(readdirSync(verdictDir), [basename(verdict)]);
  });

  it("leaves no working folder behind", async () => {
    await vetter().vet(localVersion(folder, scaleModel(78)), NO_SIGNAL);
    const left = readdirSync(join(folder, "verdicts")).filter((name) => !name.endsWith(".json"));
    assert.deepEqual(left, []);
  });
}

function refusal(message: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof VetRefusal, String(thrown));
    assert.match(thrown.message, message);
    return true;
  };
}

let versions = 0;

/** A version folder as a source would leave it. */
function localVersion(
  folder: string,
  bytes: Uint8Array,
  options: { golden?: string; signature?: Signature } = {},
): LocalVersion {
  versions += 1;
  const directory = join(folder, `v${versions}`);
  mkdirSync(directory);
  const files = [{ path: "model.onnx", bytes: bytes.byteLength, sha256: sha256Hex(bytes) }];
  writeFileSync(join(directory, "model.onnx"), bytes);
  if (options.golden !== undefined) {
    const golden = new TextEncoder().encode(options.golden);
    files.push({ path: "golden.jsonl", bytes: golden.byteLength, sha256: sha256Hex(golden) });
    writeFileSync(join(directory, "golden.jsonl"), golden);
  }
  const signature = options.signature ?? inspectModel(bytes).signature;
  const manifest = {
    schemaVersion: 1,
    model: "m",
    version: versions,
    files,
    signature,
    opset: { "": 17 },
    breaking: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    lineage: {},
  } as unknown as Manifest;
  const document = serializeDocument(manifest);
  writeFileSync(join(directory, "manifest.json"), document);
  return { directory, manifestSha256: sha256Hex(document), hints: null };
}
