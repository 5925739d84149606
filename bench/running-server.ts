import type { Endpoints } from "./load-plan.ts";

/** A server as the generator sees it. */
export interface RunningServer {
  readonly name: string;
  readonly endpoints: Endpoints;
  /** Sent with every request; null for a server without keys. */
  readonly apiKey: string | null;
  /** Its processes now; those that they started count with them. */
  pids(): readonly number[];
  /** Never rejects; more than once does nothing. */
  stop(): Promise<void>;
}

export interface SluiceServer extends RunningServer {
  /** Last line of its log that says error; null when there is none. */
  lastError(): string | null;
  readonly pid: number;
  /** Model repository folder that it follows. */
  readonly repository: string;
  readonly metricsUrl: string;
  /** From the start of the process until every model was ready. */
  readonly startMs: number;
}

export interface SluiceOptions {
  /** Model files by name, published before the start. */
  readonly models: Readonly<Record<string, string>>;
  /** More flags of `sluice serve`, such as `--threads 2`. */
  readonly flags: readonly string[];
  /** On the servers' cores; true unless told. */
  readonly isPinned?: boolean;
}
