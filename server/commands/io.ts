import type { Env } from "../config/read-env.ts";

/** What a command may touch of the process. */
export interface Io {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Env;
  /** Relative paths start here. */
  readonly cwd: string;
}

export interface TextSink {
  write(text: string): unknown;
}

/** A command line that cannot be understood; exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
