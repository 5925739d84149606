/** The shapes of bad-input-cases.ts, and what makes a case of one good request with one thing wrong. */

interface CaseBase {
  /** For the table: what is wrong. */
  readonly what: string;
  /** Whole and exact; key ids are normalised to `<key>`. */
  readonly message: string;
}

export interface HttpCase extends CaseBase {
  readonly door: "HTTP";
  /** Code and HTTP status. */
  readonly answer: string;
  /** `POST /v2/…` */
  readonly ask: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Zero bytes after `body`, whose length then is the header Inference-Header-Content-Length. */
  readonly tailBytes?: number;
  /** Name of the key that is sent; see KEYS of the test. */
  readonly key?: string;
}

export interface GrpcCase extends CaseBase {
  readonly door: "gRPC";
  /** Code and gRPC status. */
  readonly answer: string;
  readonly method: string;
  /** As proto-loader takes it. */
  readonly request: object;
  readonly key?: string;
}

export interface FrameCase extends CaseBase {
  readonly door: "WebSocket";
  /** Code of the error frame, or of the refused upgrade with its HTTP status. */
  readonly answer: string;
  /** null where the upgrade itself is refused. */
  readonly frame: string | Uint8Array | null;
  /** The id of the error frame. */
  readonly id: string | null;
  readonly key?: string;
}

export type WireCase = HttpCase | GrpcCase | FrameCase;

export const INFER = "POST /v2/models/scale/infer";

/** An inference in JSON over `scale` (x: FP32 [-1,4]) with one thing changed. */
export function json(input: object, beside: object = {}): string {
  const good = { name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
  return JSON.stringify({ inputs: [{ ...good, ...input }], ...beside });
}

export function http(
  what: string,
  answer: string,
  send: Partial<HttpCase>,
  message: string,
): HttpCase {
  return { door: "HTTP", what, answer, ask: INFER, message, ...send };
}

/** JSON head of a binary request over `scale`. */
export function head(input: object, sizeBytes: number): string {
  const parameters = { binary_data_size: sizeBytes };
  const good = { name: "x", datatype: "FP32", shape: [1, 4], parameters };
  return JSON.stringify({ inputs: [{ ...good, ...input }] });
}

export function grpc(what: string, answer: string, change: object, message: string): GrpcCase {
  const input = { name: "x", datatype: "FP32", shape: ["1", "4"] };
  const raw = [Buffer.alloc(16)];
  const request = { model_name: "scale", inputs: [input], raw_input_contents: raw, ...change };
  return { door: "gRPC", what, answer, method: "ModelInfer", request, message };
}

export function frame(
  what: string,
  code: string,
  sent: string | Uint8Array,
  id: string | null,
  message: string,
): FrameCase {
  return { door: "WebSocket", what, answer: code, frame: sent, id, message };
}

export const NAMED = { id: "7", model_name: "scale" };
