import {
  type NativeAddon,
  type NativeAnswer,
  type NativeLine,
  type NativeSessionId,
  TIMING,
} from "../../native/addon.ts";
import { DEFAULT_PRIORITY } from "../../protocols/core/schedule.ts";
import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { toTensors } from "./native-tensors.ts";

/**
 * Single runs on the session's threads, for warm-up and vetting: the caller's thread is never
 * blocked. Serving has a client of its own (native-client.ts).
 */
export class EngineLine {
  readonly #addon: NativeAddon;
  readonly #line: NativeLine;
  readonly #signature: Signature;
  readonly #waiting = new Map<number, Deferred<NativeAnswer>>();
  #nextId = 1;

  constructor(addon: NativeAddon, session: NativeSessionId, signature: Signature) {
    this.#addon = addon;
    this.#signature = signature;
    this.#line = addon.connect(
      session,
      (answers) => {
        for (const answer of answers) this.#settle(answer);
      },
      new Float64Array(TIMING.cells),
    );
  }

  /** Rejects with the runtime's own words. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Tensor[]> {
    const indexes = outputs.map((name) => this.#indexOf(name));
    const answer = createDeferred<NativeAnswer>();
    const id = this.#nextId++;
    this.#waiting.set(id, answer);
    const ordered = this.#inOrder(inputs);
    this.#addon.submit(
      this.#line,
      id,
      ordered.map(({ data }) => data),
      ordered.map(({ shape }) => shape),
      indexes,
      Number.POSITIVE_INFINITY,
      DEFAULT_PRIORITY,
    );
    const { status, message, outputs: got } = await answer.promise;
    if (status !== "done") throw new Error(message ?? `the run ended as ${status}`);
    const facts = indexes.map((index) => this.#signature.outputs[index] as TensorSignature);
    return toTensors(facts, got);
  }

  /** REQUIRES: no run in flight. */
  close(): void {
    this.#addon.disconnect(this.#line);
  }

  /** Golden requests may have their inputs in any order. */
  #inOrder(inputs: readonly Tensor[]): readonly Tensor[] {
    return this.#signature.inputs.map(({ name }) => {
      const input = inputs.find((each) => each.name === name);
      if (input === undefined) throw new Error(`input '${name}' is missing`);
      return input;
    });
  }

  #indexOf(name: string): number {
    const index = this.#signature.outputs.findIndex((output) => output.name === name);
    if (index < 0) throw new Error(`the graph has no output '${name}'`);
    return index;
  }

  #settle(answer: NativeAnswer): void {
    const waiting = this.#waiting.get(answer.jobId);
    this.#waiting.delete(answer.jobId);
    waiting?.resolve(answer);
  }
}
