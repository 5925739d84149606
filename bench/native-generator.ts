import { type ChildProcess, spawn } from "node:child_process";
import type { InferResponse } from "../protocols/core/infer.ts";
import { type InferError, toInferError } from "../protocols/core/status.ts";
import { decodeRestResponse } from "../protocols/oip-rest/client-codec.ts";
import { decodeErrorBody } from "../protocols/oip-rest/error-body.ts";
import { AnswerCheck } from "./answer-check.ts";
import type { Generator, GeneratorReport, ShowTotals } from "./generator.ts";
import type { LoadPlan } from "./load-plan.ts";
import { FrameCutter, type FrameReader, FrameWriter } from "./native-frames.ts";
import { ANSWER_BYTES, encodePlan } from "./native-plan.ts";
import { type FailureMeaning, readReport } from "./native-report.ts";
import { readStreamOutcome } from "./stream-lane.ts";

const TAIL_CHARS = 2000;
const RIGHT = 1;
const WRONG = 0;

/**
 * The process of native/load, seen from outside. It compares every answer byte for byte with those
 * that were judged; what it has not seen before is judged here. It ends when this process does.
 */
export class NativeGenerator implements Generator {
  readonly ready: Promise<void>;
  readonly done: Promise<GeneratorReport>;
  readonly #plan: LoadPlan;
  readonly #check: AnswerCheck;
  readonly #showTotals: ShowTotals;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #frames = new FrameCutter();
  /** Of failed responses, by the generator's number. */
  readonly #meanings = new Map<number, FailureMeaning>();
  readonly #readySide = settleable<void>();
  readonly #doneSide = settleable<GeneratorReport>();
  /** By the kind of frame (native/load/channel.h). */
  readonly #takers: Readonly<Record<string, (frame: FrameReader) => void>> = {
    R: () => this.#readySide.resolve(),
    T: (frame) => this.#showTotals(frame.u32(), frame.u32()),
    A: (frame) => this.#judge(frame),
    E: (frame) => this.#explain(frame),
    F: (frame) => this.#giveUp(frame),
    D: (frame) => {
      this.#report = readReport(frame, this.#meanings, this.#plan.shape.sliceMs);
    },
  };
  #report: GeneratorReport | null = null;
  #stderrTail = "";

  /**
   * @param file the executable, of `buildLoadGenerator`
   * @param answerBytes its memory for answers that others are compared with; tests make it small
   * @throws RangeError for a plan of 4 GiB or more
   */
  constructor(
    file: string,
    plan: LoadPlan,
    showTotals: ShowTotals,
    answerBytes: number = ANSWER_BYTES,
  ) {
    this.#plan = plan;
    this.#check = new AnswerCheck(plan.outputs, plan.comparesValues);
    this.#showTotals = showTotals;
    this.ready = this.#readySide.promise;
    this.done = this.#doneSide.promise;
    // Whoever waits for one of them must not leave a rejection of the other behind.
    this.ready.catch(() => undefined);
    this.done.catch(() => undefined);
    const order = encodePlan(plan, answerBytes).parts();
    this.#process = spawn(file, [], { stdio: ["pipe", "pipe", "pipe"], env: {} });
    this.#process.stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-TAIL_CHARS);
    });
    // A process that is gone says so by its end, not by a broken pipe.
    this.#process.stdin?.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#process.once("error", (error) => {
        this.#fail(error);
        resolve();
      });
      this.#process.once("close", (code, signal) => {
        this.#settle(code ?? signal);
        resolve();
      });
    });
    this.#write(order);
  }

  go(): void {
    this.#send(new FrameWriter("G"));
  }

  async end(): Promise<void> {
    this.#process.stdin?.end();
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** A report counts when its maker ended well: sanitizers speak at the very end. */
  #settle(how: number | string | null): void {
    if (this.#report !== null && how === 0) this.#doneSide.resolve(this.#report);
    const said = this.#stderrTail.trim();
    const why = said === "" ? "" : `: ${said}`;
    const before = this.#report === null ? " before it reported" : "";
    this.#fail(new Error(`the load generator ended with ${how}${before}${why}`));
  }

  #send(frame: FrameWriter): void {
    this.#write(frame.parts());
  }

  #write(parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#process.stdin?.write(part);
  }

  #fail(error: Error): void {
    this.#readySide.reject(error);
    this.#doneSide.reject(error);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    } catch (thrown) {
      this.#fail(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #take(frame: FrameReader): void {
    const take = this.#takers[frame.kind];
    if (take === undefined) {
      throw new Error(`expected a frame of the load generator, got '${frame.kind}'`);
    }
    take(frame);
  }

  #judge(frame: FrameReader): void {
    const id = frame.u32();
    const index = frame.u32();
    const jsonBytes = frame.f64();
    const problem = this.#findProblem(index, frame.bytes(), jsonBytes < 0 ? null : jsonBytes);
    const { code, message } = problem ?? { code: "", message: "" };
    const verdict = new FrameWriter("V").u32(id).u8(problem === null ? RIGHT : WRONG);
    this.#send(verdict.text(code).text(message));
  }

  #findProblem(index: number, body: Buffer, jsonBytes: number | null): FailureMeaning | null {
    try {
      const why = this.#check.explain(index, this.#decode(index, body, jsonBytes));
      return why === null ? null : { code: "wrong-answer", message: why };
    } catch (thrown) {
      return toInferError(thrown);
    }
  }

  /** @throws InferError */
  #decode(index: number, body: Buffer, jsonBytes: number | null): InferResponse {
    // A copy: tensors may be views of the bytes, and the first answers are kept.
    const bytes = Buffer.from(body);
    if (this.#plan.protocol !== "websocket") return decodeRestResponse(bytes, jsonBytes);
    const { answer, failure } = readStreamOutcome(bytes, String(index));
    if (answer === null) throw failure ?? new Error("an outcome without an answer");
    return answer;
  }

  #explain(frame: FrameReader): void {
    const kind = frame.u32();
    const status = frame.u32();
    const { code, message } = this.#readFailure(status, frame.bytes());
    this.#meanings.set(kind, { code, message });
  }

  #readFailure(status: number, body: Buffer): InferError {
    if (this.#plan.protocol !== "websocket") return decodeErrorBody(status, body);
    try {
      return readStreamOutcome(body, "").failure ?? toInferError(null);
    } catch (thrown) {
      return toInferError(thrown);
    }
  }

  #giveUp(frame: FrameReader): void {
    const meaning = this.#meanings.get(frame.u32());
    const told = frame.text();
    this.#fail(new Error(meaning === undefined ? told : `${meaning.code}: ${meaning.message}`));
  }
}

interface Settleable<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function settleable<T>(): Settleable<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((resolveIt, rejectIt) => {
    resolve = resolveIt;
    reject = rejectIt;
  });
  return { promise, resolve: (value) => resolve(value), reject: (error) => reject(error) };
}
