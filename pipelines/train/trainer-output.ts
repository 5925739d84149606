import type { JobContext } from "../jobs/job.ts";

/** More lines of a trainer than this are counted and not logged. */
const MAX_LOGGED_LINES = 1000;
const MAX_LOGGED_LENGTH = 500;
/** Of standard error, for the reason of a failure. */
const KEPT_ERROR_LINES = 5;

/** `{"metric": NAME, "value": NUMBER, "step": INTEGER or left out}`: a metric; null for any other line. */
export function parseMetricLine(
  line: string,
): { readonly metric: string; readonly value: number; readonly step: number | null } | null {
  if (!line.startsWith("{")) return null;
  let found: unknown;
  try {
    found = JSON.parse(line);
  } catch {
    return null;
  }
  const { metric, value, step } = found as Record<string, unknown>;
  if (typeof metric !== "string" || metric === "" || metric.length > 250) return null;
  if (typeof value !== "number") return null;
  return { metric, value, step: Number.isInteger(step) ? (step as number) : null };
}

/** Takes a trainer's lines: metrics are recorded, the others logged as far as there is room. */
export class TrainerOutput {
  /** The last value of each. */
  readonly metrics: Record<string, number> = {};
  readonly #context: JobContext;
  readonly #errors: string[] = [];
  #lines = 0;

  constructor(context: JobContext) {
    this.#context = context;
  }

  take(stream: "stdout" | "stderr", line: string): void {
    const found = stream === "stdout" ? parseMetricLine(line) : null;
    if (found !== null) {
      this.metrics[found.metric] = found.value;
      this.#context.metric(found.metric, found.value, found.step ?? undefined);
      return;
    }
    const text = line.trimEnd().slice(0, MAX_LOGGED_LENGTH);
    if (text === "") return;
    if (stream === "stderr") {
      this.#errors.push(text);
      if (this.#errors.length > KEPT_ERROR_LINES) this.#errors.shift();
    }
    this.#lines += 1;
    if (this.#lines <= MAX_LOGGED_LINES) this.#context.log("trainer", { stream, text });
  }

  close(): void {
    const left = this.#lines - MAX_LOGGED_LINES;
    if (left > 0) this.#context.log("trainer lines left out", { lines: left });
  }

  /** One line. */
  get lastErrors(): string {
    return this.#errors.join(" / ");
  }
}
