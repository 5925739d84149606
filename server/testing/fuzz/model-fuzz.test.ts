import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inspectModel } from "../../../protocols/onnx/inspect-model.ts";
import { ModelFormatError } from "../../../protocols/onnx/model-format-error.ts";
import { serializeDocument, sha256Hex } from "../../../protocols/repository/documents.ts";
import type { Manifest } from "../../../protocols/repository/schemas.ts";
import { loadNativeRuntime } from "../../engine/native-runtime.ts";
import { createProcessVetter } from "../../engine/process-vetter.ts";
import { VetRefusal, type Vetter } from "../../models/loader.ts";
import type { LocalVersion } from "../../models/source.ts";
import {
  crossRowModel,
  externalDataModel,
  mlpModel,
  nullableModel,
  scaleModel,
} from "../tiny-models.ts";
import { mutateModel } from "./mutate-model.ts";
import { Random } from "./random.ts";

/** Short forms by default; the long ones are SLUICE_TEST_MODEL_FUZZ=100000 and SLUICE_TEST_VET_FUZZ=2000. */
const PARSED = Number(process.env["SLUICE_TEST_MODEL_FUZZ"] ?? 5000);
const VETTED = Number(process.env["SLUICE_TEST_VET_FUZZ"] ?? 12);
const SEED = Number(process.env["SLUICE_TEST_FUZZ_SEED"] ?? 1);
const MIB = 1024 * 1024;
/** Beyond what was held after the first tenth. */
const MAX_GROWTH_BYTES = 96 * MIB;
const NO_SIGNAL = new AbortController().signal;

const MODELS: readonly Uint8Array[] = [
  scaleModel(2),
  crossRowModel(),
  nullableModel(),
  externalDataModel(),
  mlpModel({ inputs: 4, hidden: [8], outputs: 2, seed: 1 }),
];

/** Watches memory from a tenth of `count` steps on. */
class Growth {
  readonly #from: number;
  #startBytes = 0;

  constructor(count: number) {
    this.#from = Math.floor(count / 10);
  }

  step(done: number): void {
    if (done === this.#from) this.#startBytes = process.memoryUsage.rss();
  }

  assertBounded(): string {
    const bytes = process.memoryUsage.rss() - this.#startBytes;
    assert.ok(bytes < MAX_GROWTH_BYTES, `${bytes} bytes more than after the first tenth`);
    return `${(bytes / MIB).toFixed(1)} MiB more than after the first tenth`;
  }
}

/** What is wrong must be reproducible from the message alone. */
function named(mutant: Uint8Array, place: number): string {
  return `mutant ${place} of seed ${SEED}: ${Buffer.from(mutant).toString("base64")}`;
}

it(`${PARSED} mutated models through the parser: read or refused`, (t) => {
  const random = new Random(SEED);
  const growth = new Growth(PARSED);
  let refused = 0;
  for (let done = 0; done < PARSED; done += 1) {
    growth.step(done);
    const mutant = mutateModel(random.pick(MODELS), random, 4);
    try {
      inspectModel(mutant);
    } catch (thrown) {
      assert.ok(thrown instanceof ModelFormatError, `${named(mutant, done)}: ${thrown}`);
      assert.ok(thrown.message.length < 2000, named(mutant, done));
      refused += 1;
    }
  }
  t.diagnostic(`${refused} refused, ${PARSED - refused} read; ${growth.assertBounded()}`);
  assert.ok(refused > PARSED / 10 && refused < PARSED, `${refused} refused`);
});

for (const engine of ["portable", "native"] as const) {
  const skip = engine === "native" ? (loadNativeRuntime().reason ?? false) : false;
  describe(`${VETTED} mutated models through vetting, ${engine} engine`, { skip }, () => {
    let root = "";
    let vetter: Vetter;
    before(() => {
      root = mkdtempSync(join(tmpdir(), "sluice-vet-fuzz-"));
      const limits = { timeoutMs: 60_000, maxRssBytes: 1024 * MIB };
      vetter = createProcessVetter({ engine, verdictDir: join(root, "verdicts"), ...limits });
    });
    after(() => rmSync(root, { recursive: true, force: true }));

    it("pass or are refused with a reason, and the next one is judged as ever", async (t) => {
      const random = new Random(SEED);
      const growth = new Growth(VETTED);
      const seen = { passed: 0, refused: 0, crashed: 0 };
      for (let done = 0; done < VETTED; done += 1) {
        growth.step(done);
        const mutant = readableMutant(random);
        const version = versionOf(join(root, String(done)), mutant);
        const kind = await judge(vetter, version, named(mutant, done));
        seen[kind] += 1;
        rmSync(version.directory, { recursive: true });
      }
      const sound = await judge(vetter, versionOf(join(root, "sound"), scaleModel(3)), "sound");
      assert.equal(sound, "passed");
      t.diagnostic(`${JSON.stringify(seen)}; ${growth.assertBounded()}`);
    });
  });
}

/** One that the parser lets through: the others never reach the runtime. */
function readableMutant(random: Random): Uint8Array {
  for (;;) {
    const mutant = mutateModel(random.pick(MODELS), random, 2);
    try {
      inspectModel(mutant);
      return mutant;
    } catch {
      // Refused by the parser: the test above counts those.
    }
  }
}

function versionOf(directory: string, model: Uint8Array): LocalVersion {
  mkdirSync(directory);
  writeFileSync(join(directory, "model.onnx"), model);
  const { signature, opset } = inspectModel(model);
  const manifest = serializeDocument({
    schemaVersion: 1,
    model: "m",
    version: 1,
    files: [{ path: "model.onnx", bytes: model.byteLength, sha256: sha256Hex(model) }],
    signature: signature as Manifest["signature"],
    opset,
    breaking: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    lineage: {},
  });
  writeFileSync(join(directory, "manifest.json"), manifest);
  return { directory, manifestSha256: sha256Hex(manifest), hints: null };
}

/** Rejects where vetting itself failed, which no model may bring about but by time and memory. */
async function judge(
  vetter: Vetter,
  version: LocalVersion,
  name: string,
): Promise<"passed" | "refused" | "crashed"> {
  try {
    await vetter.vet(version, NO_SIGNAL);
    return "passed";
  } catch (thrown) {
    assert.ok(thrown instanceof VetRefusal, `${name}: ${thrown}`);
    assert.ok(thrown.message.length < 4000, name);
    return thrown.message.includes("crashed the vetting process") ? "crashed" : "refused";
  }
}
