import { INFERENCE_ID_RULE, isInferenceId } from "../core/inference-id.ts";
import { InferError } from "../core/status.ts";

/**
 * The body of POST /v2/models/{model}/labels: the truth about rows of predictions, told later.
 * {"labels":[{"inference_id":"…","row":0,"label":1}, …]} is answered with {"accepted":n}.
 */

export interface Label {
  readonly inferenceId: string;
  /** Row of the request, from 0. */
  readonly row: number;
  readonly label: number | string | boolean;
}

export const MAX_LABELS = 10_000;
export const MAX_LABELS_BODY_BYTES = 8 * 1024 * 1024;
const MAX_ROW = 2 ** 31 - 1;
const MAX_LABEL_CHARS = 1024;

export function encodeLabelRequest(labels: readonly Label[]): Uint8Array {
  const members = labels.map(({ inferenceId, row, label }) => {
    return { inference_id: inferenceId, row, label };
  });
  return Buffer.from(JSON.stringify({ labels: members }));
}

export function encodeLabelAnswer(accepted: number): Uint8Array {
  return Buffer.from(JSON.stringify({ accepted }));
}

/** @returns the number accepted @throws InferError `internal` where the server's answer is malformed */
export function decodeLabelAnswer(body: Uint8Array): number {
  const accepted = (parse(body) as { accepted?: unknown } | null)?.accepted;
  if (typeof accepted === "number" && Number.isSafeInteger(accepted)) return accepted;
  throw new InferError("internal", "the server's answer has no whole number 'accepted'");
}

/** @throws InferError `invalid-argument` naming the first label that cannot be taken */
export function decodeLabelRequest(body: Uint8Array): readonly Label[] {
  const root = parse(body);
  if (root === undefined) {
    throw invalid(`the body must be a JSON object, got ${body.byteLength} bytes that do not parse`);
  }
  const { labels, ...others } = objectOf(root, "the body");
  refuseOthers(others, "the body");
  if (!Array.isArray(labels)) {
    throw invalid(`member 'labels' must be an array, got ${kindOf(labels)}`);
  }
  if (labels.length === 0 || labels.length > MAX_LABELS) {
    throw invalid(`member 'labels' must hold 1 to ${MAX_LABELS} labels, got ${labels.length}`);
  }
  return labels.map((entry: unknown, i) => readLabel(entry, `labels[${i}]`));
}

function readLabel(entry: unknown, where: string): Label {
  const { inference_id: inferenceId, row = 0, label, ...others } = objectOf(entry, where);
  refuseOthers(others, where);
  if (!isInferenceId(inferenceId)) {
    throw invalid(`${where}.inference_id must be ${INFERENCE_ID_RULE}, got ${show(inferenceId)}`);
  }
  if (typeof row !== "number" || !Number.isInteger(row) || row < 0 || row > MAX_ROW) {
    throw invalid(`${where}.row must be a whole number from 0, got ${show(row)}`);
  }
  return { inferenceId, row, label: readValue(label, where) };
}

function readValue(label: unknown, where: string): Label["label"] {
  if (typeof label === "boolean") return label;
  if (typeof label === "number" && Number.isFinite(label)) return label;
  if (typeof label === "string" && label.length <= MAX_LABEL_CHARS) return label;
  const came = typeof label === "string" ? `a string of ${label.length} characters` : kindOf(label);
  throw invalid(
    `${where}.label must be a finite number, true, false or a string of at most ${MAX_LABEL_CHARS} characters, got ${came}`,
  );
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalid(`${what} must be a JSON object, got ${kindOf(value)}`);
}

/** A misspelt 'row' must not become row 0. */
function refuseOthers(others: object, where: string): void {
  const [other] = Object.keys(others);
  if (other === undefined) return;
  throw invalid(`${where} has the unknown member ${JSON.stringify(other.slice(0, 80))}`);
}

/** undefined: it does not parse. */
function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function show(value: unknown): string {
  return typeof value === "string" || typeof value === "number"
    ? JSON.stringify(value).slice(0, 142)
    : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function invalid(problem: string): InferError {
  return new InferError("invalid-argument", problem);
}
