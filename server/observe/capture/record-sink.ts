/** Where the lines of capture go. One caller, on the capture thread. */
export interface RecordSink {
  /** Takes lines without newlines. Rejects when they were not written; others may be, later. */
  write(lines: readonly string[]): Promise<void>;
  /** Resolves once the lines would survive the loss of this process and its machine. */
  writeDurably(lines: readonly string[]): Promise<void>;
  /** Finishes what is open. Rejects when something of it may be lost. */
  close(): Promise<void>;
}

/** Thrown by a sink for lines that it did not take. */
export class SinkError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "SinkError";
  }
}
