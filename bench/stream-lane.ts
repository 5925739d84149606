import WebSocket from "ws";
import { InferError, toInferError } from "../protocols/core/status.ts";
import { decodeServerFrame, encodeRequestFrame } from "../protocols/stream/frame-codec.ts";
import { ANSWERED, type Lane, type Outcome } from "./lane.ts";
import type { LoadPlan } from "./load-plan.ts";

/** A frame without it is no error frame: inside a JSON string its quotes would be escaped. */
const ERROR_MEMBER = Buffer.from('"error":');

export function streamUrl(baseUrl: string): string {
  return `${baseUrl.replace(/^http/i, "ws").replace(/\/$/, "")}/v2/stream`;
}

/** Whole frames; each has its index in the pool as id. */
export function encodeStreamRequests(plan: LoadPlan): Buffer[] {
  return plan.inputs.map((input, index) =>
    Buffer.from(encodeRequestFrame(plan.model, { ...input, id: String(index) })),
  );
}

/** A WebSocket of Sluice's /v2/stream with one request in flight. */
export class StreamLane implements Lane {
  readonly #url: string;
  readonly #requests: readonly Buffer[];
  readonly #timeoutMs: number;
  readonly #apiKey: string | null;
  #socket: WebSocket | null = null;
  #settle: ((outcome: Outcome) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #index = 0;
  #wantsAnswer = false;

  /** @param requests shared by the lanes of a thread */
  constructor(url: string, requests: readonly Buffer[], timeoutMs: number, apiKey: string | null) {
    this.#url = url;
    this.#requests = requests;
    this.#timeoutMs = timeoutMs;
    this.#apiKey = apiKey;
  }

  send(index: number, wantsAnswer: boolean): Promise<Outcome> {
    this.#index = index;
    this.#wantsAnswer = wantsAnswer;
    return new Promise((settle) => {
      this.#settle = settle;
      this.#timer = setTimeout(this.#expire, this.#timeoutMs);
      if (this.#socket === null) this.#connect();
      else this.#write();
    });
  }

  close(): void {
    this.#fail(new InferError("cancelled", "the lane was closed"));
  }

  #connect(): void {
    const headers = this.#apiKey === null ? {} : { authorization: `Bearer ${this.#apiKey}` };
    const socket = new WebSocket(this.#url, { headers, perMessageDeflate: false, maxPayload: 0 });
    this.#socket = socket;
    socket.on("open", () => this.#write());
    socket.on("message", (data) => this.#receive(socket, data as Buffer));
    socket.on("error", (error) => this.#lose(socket, error.message));
    socket.on("close", (code) => this.#lose(socket, `closed by the server, code ${code}`));
  }

  #write(): void {
    this.#socket?.send(this.#requests[this.#index] ?? "", { binary: false });
  }

  #receive(socket: WebSocket, data: Buffer): void {
    if (socket !== this.#socket) return;
    if (!this.#wantsAnswer && !data.includes(ERROR_MEMBER)) {
      this.#resolve(ANSWERED);
      return;
    }
    try {
      this.#resolve(readStreamOutcome(data, String(this.#index)));
    } catch (thrown) {
      this.#fail(toInferError(thrown));
    }
  }

  readonly #expire = (): void => {
    const why = `${this.#url} did not answer within ${this.#timeoutMs} ms`;
    this.#fail(new InferError("deadline-exceeded", why));
  };

  #lose(socket: WebSocket, why: string): void {
    if (socket !== this.#socket) return;
    this.#fail(new InferError("unavailable", `${this.#url}: ${why}`));
  }

  #fail(failure: InferError): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    this.#resolve({ failure, answer: null });
  }

  #resolve(outcome: Outcome): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }
}

/** @throws InferError for a frame that cannot be read or answers another request */
export function readStreamOutcome(data: Buffer, id: string): Outcome {
  const frame = decodeServerFrame(data);
  if (frame.kind === "error") return { failure: frame.error, answer: null };
  if (frame.response.id === id) return { failure: null, answer: frame.response };
  throw new InferError(
    "internal",
    `expected an answer to '${id}', got one to '${frame.response.id}'`,
  );
}
