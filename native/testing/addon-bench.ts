import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type NativeAddon,
  type NativeAnswer,
  type NativeData,
  type NativeLine,
  type NativeSessionId,
  TIMING,
} from "../addon.ts";
import { loadAddon } from "../load-addon.ts";

const LIBRARY_NAMES: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: "libonnxruntime.so.1",
  darwin: "libonnxruntime.1.dylib",
};

/** The runtime's library in onnxruntime-node's package. */
export function libraryPath(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const folder = join(dirname(entry), "../bin/napi-v6", process.platform, process.arch);
  return join(folder, LIBRARY_NAMES[process.platform] ?? "");
}

/** The addon; a test that is not skipped must have it. */
export function requireAddon(): NativeAddon {
  const { addon, reason } = loadAddon(libraryPath());
  if (addon === null) throw new Error(`there is a compiler, but no addon: ${reason}`);
  return addon;
}

export interface BenchOptions {
  readonly intraOpThreads: number;
  readonly engineThreads: number;
  readonly maxBatchRows: number;
}

const PLAIN: BenchOptions = { intraOpThreads: 1, engineThreads: 1, maxBatchRows: 0 };

/** A session of a model with a line for this thread. */
export interface OpenLine {
  readonly session: NativeSessionId;
  readonly line: NativeLine;
  readonly timing: Float64Array;
  /** Submits and waits for the answer. */
  ask(
    inputs: readonly NativeData[],
    shapes: readonly (readonly number[])[],
    timeoutMs?: number,
    outputs?: readonly number[],
  ): Promise<NativeAnswer>;
  /** Every answer, as they came. */
  readonly answers: readonly NativeAnswer[];
}

/** What a test opens with the addon: models in a folder of its own, and an end for all of it. */
export class AddonBench {
  readonly addon: NativeAddon = requireAddon();
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-native-"));
  readonly #sessions: NativeSessionId[] = [];
  readonly #lines: NativeLine[] = [];
  #models = 0;

  /** @returns the model's path */
  write(bytes: Uint8Array): string {
    this.#models += 1;
    const path = join(this.#folder, `${this.#models}.onnx`);
    writeFileSync(path, bytes);
    return path;
  }

  openSession(model: Uint8Array, options: Partial<BenchOptions> = {}): Promise<NativeSessionId> {
    return this.addon.openSession({ modelPath: this.write(model), ...PLAIN, ...options });
  }

  async open(model: Uint8Array, options: Partial<BenchOptions> = {}): Promise<OpenLine> {
    const session = await this.openSession(model, options);
    this.#sessions.push(session);
    return this.connect(session);
  }

  connect(session: NativeSessionId): OpenLine {
    const waiting = new Map<number, (answer: NativeAnswer) => void>();
    const answers: NativeAnswer[] = [];
    const timing = new Float64Array(TIMING.cells);
    const onAnswers = (came: readonly NativeAnswer[]) => {
      for (const answer of came) {
        answers.push(answer);
        waiting.get(answer.jobId)?.(answer);
        waiting.delete(answer.jobId);
      }
    };
    const line = this.addon.connect(session, onAnswers, timing);
    this.#lines.push(line);
    let jobId = 0;
    return {
      session,
      line,
      timing,
      answers,
      ask: (inputs, shapes, timeoutMs = Number.POSITIVE_INFINITY, outputs = [0]) =>
        new Promise((resolve) => {
          jobId += 1;
          waiting.set(jobId, resolve);
          this.addon.submit(line, jobId, inputs, shapes, outputs, timeoutMs, 2);
        }),
    };
  }

  async end(): Promise<void> {
    for (const line of this.#lines) this.addon.disconnect(line);
    const closings = this.#sessions.map((session) =>
      // Some tests close their own.
      this.addon.closeSession(session, 0).catch(() => undefined),
    );
    await Promise.all(closings);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
