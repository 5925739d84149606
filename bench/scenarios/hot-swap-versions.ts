import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { DirectoryStore } from "../../pipelines/publish/directory-store.ts";
import { publishModel } from "../../pipelines/publish/publish.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type {
  ControlClient,
  InferenceClient,
  InferInput,
} from "../../protocols/client/inference-client.ts";
import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { InferError } from "../../protocols/core/status.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { createInputPool } from "../input-pool.ts";
import type { SluiceServer } from "../running-server.ts";

/** Where new versions go, and who must serve them. Plain data. */
export interface SwapPlan {
  readonly repository: string;
  /** Of the server's HTTP door. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly model: string;
  readonly modelFile: string;
}

/** One new version, from its publication to its first answer. Times are epoch milliseconds. */
export interface Swap {
  readonly version: number;
  readonly publishStartMs: number;
  /** The index showed it. */
  readonly publishedMs: number;
  readonly firstAnswerMs: number;
}

const POLL_MS = 5;
const PROBE_TIMEOUT_MS = 10_000;
const SERVE_TIMEOUT_MS = 120_000;

export function planSwaps(server: SluiceServer, model: string, modelFile: string): SwapPlan {
  const { repository, apiKey, endpoints } = server;
  if (endpoints.url === null) throw new Error(`${server.name} has no HTTP door`);
  return { repository, url: endpoints.url, apiKey, model, modelFile };
}

/** Publishes versions of one model one at a time and waits for each to answer; `close` when done. */
export class VersionSwapper {
  readonly #plan: SwapPlan;
  readonly #store: DirectoryStore;
  readonly #bytes: Uint8Array;
  readonly #client: InferenceClient & ControlClient;
  readonly #input: InferInput;

  constructor(plan: SwapPlan, bytes: Uint8Array) {
    const { apiKey } = plan;
    this.#plan = plan;
    this.#bytes = bytes;
    this.#store = new DirectoryStore(plan.repository);
    const options = { apiKey, timeoutMs: PROBE_TIMEOUT_MS, binary: false, maxSockets: 1 };
    this.#client = createHttpClient(plan.url, options);
    const { signature } = inspectModel(bytes);
    const description = { name: plan.model, versions: [], platform: "onnx", ...signature };
    const [input] = createInputPool(description, new Map());
    if (input === undefined) throw new Error(`model '${plan.model}' has no inputs to ask with`);
    this.#input = input;
  }

  /** @throws Error when the version is not served within two minutes */
  async swap(): Promise<Swap> {
    const publishStartMs = epochNowMs();
    const { version } = await publishModel({
      store: this.#store,
      modelName: this.#plan.model,
      modelBytes: stampModel(this.#bytes, `published ${publishStartMs}`),
      goldenBytes: null,
      alias: DEFAULT_ALIAS,
      breaking: false,
      lineage: { publisher: "sluice bench" },
      pause: async () => undefined,
    });
    const publishedMs = epochNowMs();
    await this.#until(() => this.#isReady(version), version);
    await this.until(version);
    return { version, publishStartMs, publishedMs, firstAnswerMs: epochNowMs() };
  }

  /** Resolves once the model, asked without a version, answers with this one. */
  async until(version: number): Promise<void> {
    await this.#until(async () => (await this.servedVersion()) === version, version);
  }

  async servedVersion(): Promise<number> {
    const ref = { name: this.#plan.model, version: null };
    return Number((await this.#client.infer(ref, this.#input)).modelVersion);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Asks for the version's state first: that costs the server less than an answer of a big model. */
  async #isReady(version: number): Promise<boolean> {
    try {
      return await this.#client.isModelReady({ name: this.#plan.model, version: String(version) });
    } catch (thrown) {
      if (thrown instanceof InferError && thrown.code === "version-not-found") return false;
      throw thrown;
    }
  }

  async #until(condition: () => Promise<boolean>, version: number): Promise<void> {
    const lastMs = epochNowMs() + SERVE_TIMEOUT_MS;
    while (!(await condition())) {
      if (epochNowMs() > lastMs) {
        throw new Error(
          `version ${version} of '${this.#plan.model}' was not served within ${SERVE_TIMEOUT_MS} ms`,
        );
      }
      await setTimeout(POLL_MS);
    }
  }
}

export async function createSwapper(plan: SwapPlan): Promise<VersionSwapper> {
  return new VersionSwapper(plan, await readFile(plan.modelFile));
}

/** ModelProto.doc_string (onnx.proto), length-delimited; of several in one message the last counts. */
const DOC_STRING_TAG = (6 << 3) | 2;
const MAX_STAMP_BYTES = 127;

/**
 * The same graph as other bytes: a server takes it for a new version and must fetch, vet and load it
 * anew, and its answers stay the same.
 * @param stamp at most 127 bytes of UTF-8
 */
export function stampModel(model: Uint8Array, stamp: string): Uint8Array {
  const text = Buffer.from(stamp);
  if (text.length > MAX_STAMP_BYTES) {
    throw new Error(`expected a stamp of at most ${MAX_STAMP_BYTES} bytes, got ${text.length}`);
  }
  return Buffer.concat([model, Uint8Array.of(DOC_STRING_TAG, text.length), text]);
}

/** Comparable between processes, and finer than Date.now(). */
export function epochNowMs(): number {
  return performance.timeOrigin + performance.now();
}
