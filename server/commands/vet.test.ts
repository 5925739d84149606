import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { badOpModel, externalDataModel, scaleModel, slowModel } from "../testing/tiny-models.ts";
import { UsageError } from "./io.ts";
import { type VetArgs, vetCommand } from "./vet.ts";

describe("sluice vet", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-vet-command-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const vet = async (bytes: Uint8Array, changes: Partial<VetArgs> = {}, env = {}) => {
    writeFileSync(join(folder, "m.onnx"), bytes);
    let text = "";
    const stdout = { write: (part: string) => (text += part) };
    const args = { file: "m.onnx", golden: null, json: false, ...changes };
    const inputs = {
      flags: {},
      env: { SLUICE_HOME: join(folder, "home"), ...env },
      file: null,
      cwd: folder,
    };
    const exitCode = await vetCommand(args, inputs, { stdout, stderr: stdout, env, cwd: folder });
    return { exitCode, text };
  };

  it("reports on a model that may serve, and keeps nothing", async () => {
    const { exitCode, text } = await vet(scaleModel(2));
    assert.equal(exitCode, 0);
    assert.match(text, /^passed\n {2}inputs +x FP32\[-1,4\]\n {2}outputs +y FP32\[-1,4\]\n/);
    assert.match(text, /golden +0 requests/);
    assert.match(text, /rows may be stacked/);
    assert.deepEqual(readdirSync(folder), ["m.onnx"]);
  });

  it("says in one line why a model may not serve", async () => {
    const bad = await vet(badOpModel());
    assert.equal(bad.exitCode, 1);
    assert.match(bad.text, /^refused: operator com\.example::Nope .* not allowed.*\n$/);
    const apart = await vet(externalDataModel());
    assert.match(apart.text, /^refused: the model keeps weights in other files/);
  });

  it("prints one line of JSON for programs", async () => {
    const { exitCode, text } = await vet(new TextEncoder().encode("{}"), { json: true });
    assert.equal(exitCode, 1);
    const { reason, ...rest } = JSON.parse(text);
    assert.deepEqual(rest, { outcome: "refused", goldenCount: 0, peakRssBytes: null });
    assert.match(reason, /expected an ONNX model/);
    assert.equal(text.indexOf("\n"), text.length - 1);
  });

  it("keeps the limits of serve", async () => {
    const { exitCode, text } = await vet(slowModel(5000), {}, { SLUICE_VET_TIMEOUT_MS: "100" });
    assert.equal(exitCode, 1);
    assert.match(text, /^refused: vetting took longer than 100 ms \(vetTimeoutMs\)/);
  });

  it("is used wrongly where a file cannot be read", async () => {
    const missing = { golden: "none.jsonl" };
    await assert.rejects(vet(scaleModel(2), missing), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /^none\.jsonl: cannot be read \(ENOENT\)$/);
      return true;
    });
  });
});
