import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { inspectModel, type OnnxSummary } from "../../protocols/onnx/inspect-model.ts";
import { GOLDEN_FILE, MODEL_FILE } from "../../protocols/repository/layout.ts";
import { VetRefusal, type VetReport } from "../models/loader.ts";
import type { GoldenCase } from "./golden.ts";
import { isClose, proveBatching } from "./prove-batching.ts";
import { sampleInputs, ZEROS } from "./sample-inputs.ts";
import type { OnnxSession, SessionKind } from "./session-kind.ts";

/** Operator domains that come with the runtime; anything else needs native code that we do not load. */
const KNOWN_DOMAINS: ReadonlySet<string> = new Set(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

export type Judgement = Omit<VetReport, "peakRssBytes">;

/**
 * Judges one version from its folder: parse before the runtime sees it, load, compare with the
 * manifest, run. Runs in the vetting child only. @throws VetRefusal with what is wrong
 *
 * Every vetting pays for what this imports. Reading documents means compiling their schemas, which
 * takes longer than judging a small model: the one who orders has read the manifest, and the golden
 * file's reader is imported where there is such a file.
 * @param declared the manifest's signature
 * @param sessions of the engine that will serve
 */
export async function judgeModel(
  directory: string,
  declared: Signature,
  sessions: SessionKind,
): Promise<Judgement> {
  const modelPath = join(directory, MODEL_FILE);
  const summary = refuseOn("the file is not a usable ONNX model", () =>
    inspectModel(readFileSync(modelPath)),
  );
  assertKnownOperators(summary);
  assertRunnable(declared, sessions);
  const beforeBytes = process.memoryUsage.rss();
  const session = await sessions.open(modelPath, 1).catch((thrown: unknown) => {
    throw new VetRefusal(`the runtime cannot load it: ${shorten(thrown)}`);
  });
  assertSameSignature("manifest", declared, summary.signature);
  const golden = await readGolden(directory);
  await replayGolden(session, golden);
  const isBatchable = await proveBatching(session);
  const sampleMs = await timeSample(session, golden);
  const loadedBytes = Math.max(0, process.memoryUsage.rss() - beforeBytes);
  return { signature: declared, isBatchable, sampleMs, goldenCount: golden.length, loadedBytes };
}

function assertKnownOperators(summary: OnnxSummary): void {
  for (const operator of summary.operators) {
    const domain = operator.slice(0, operator.lastIndexOf("::"));
    if (!KNOWN_DOMAINS.has(domain)) {
      throw new VetRefusal(
        `operator ${operator} is of a domain that is not allowed; allowed: ${[...KNOWN_DOMAINS].filter((d) => d !== "").join(", ")}`,
      );
    }
  }
}

function assertRunnable(signature: Signature, sessions: SessionKind): void {
  for (const tensor of [...signature.inputs, ...signature.outputs]) {
    if (!sessions.carries(tensor.datatype)) {
      throw new VetRefusal(
        `'${tensor.name}' is ${tensor.datatype}, which this engine cannot carry`,
      );
    }
  }
}

function assertSameSignature(what: string, declared: Signature, actual: Signature): void {
  if (JSON.stringify(declared) !== JSON.stringify(actual)) {
    throw new VetRefusal(
      `the ${what} declares ${JSON.stringify(declared)}, but the graph has ${JSON.stringify(actual)}`,
    );
  }
}

async function readGolden(directory: string): Promise<readonly GoldenCase[]> {
  if (!existsSync(join(directory, GOLDEN_FILE))) return [];
  const reader = await import("./golden.ts");
  return refuseOn(GOLDEN_FILE, () => reader.readGolden(directory));
}

async function replayGolden(session: OnnxSession, golden: readonly GoldenCase[]): Promise<void> {
  for (const [i, pair] of golden.entries()) {
    const names = pair.outputs.map((output) => output.name);
    const answers = await session.run(pair.inputs, names).catch((thrown: unknown) => {
      throw new VetRefusal(`golden request ${i + 1} fails: ${shorten(thrown)}`);
    });
    for (const [k, expected] of pair.outputs.entries()) {
      const got = answers[k] as Tensor;
      if (String(got.shape) !== String(expected.shape) || !isClose(got.data, expected.data)) {
        throw new VetRefusal(
          `golden request ${i + 1}: output '${expected.name}' is not what the trainer got`,
        );
      }
    }
  }
}

async function timeSample(
  session: OnnxSession,
  golden: readonly GoldenCase[],
): Promise<number | null> {
  const inputs = golden[0]?.inputs ?? sampleInputs(session.signature, ZEROS);
  const names = session.signature.outputs.map((output) => output.name);
  try {
    const startMs = performance.now();
    await session.run(inputs, names);
    return performance.now() - startMs;
  } catch {
    // Zeros are a guess; many graphs want more (a minimum length). Reported as "no sample".
    return null;
  }
}

function refuseOn<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw new VetRefusal(`${what}: ${shorten(thrown)}`);
  }
}

const MAX_REASON_CHARS = 400;

function shorten(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text
    .replace(/(?:\/[\w.+-]+){2,}/g, "…")
    .replace(/\s+/g, " ")
    .slice(0, MAX_REASON_CHARS);
}
