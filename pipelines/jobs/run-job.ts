import { describeDefect } from "./describe-defect.ts";
import { EXIT_AGAIN, EXIT_FAILED } from "./exit-code.ts";
import type { JobContext, JobKind } from "./job.ts";
import { JobError } from "./job-error.ts";
import { readJob, writeFailure, writeResult } from "./job-files.ts";
import { JOB_TABLE } from "./job-table.ts";
import { explainNoRoom } from "./no-room.ts";

export interface JobIo {
  /** Metrics and log go here, one JSON object a line (see job-line.ts). */
  readonly stdout: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * `sluice job KIND --folder F`, in a process of its own: the work over one folder. Returns the exit
 * code; what went wrong stands in the folder's failure.json.
 */
export async function runJob<K extends JobKind>(
  kind: K,
  folder: string,
  io: JobIo,
  pause: (point: string) => Promise<void>,
): Promise<number> {
  const stop = stopWithParent();
  try {
    const job = readJob(folder, kind);
    const work = await JOB_TABLE[kind]();
    const context = createContext(folder, job.runId, io, pause, stop.signal);
    const result = await work(job.spec, context);
    stop.signal.throwIfAborted();
    writeResult(folder, result);
    return 0;
  } catch (thrown) {
    return tellFailure(folder, io, thrown);
  } finally {
    stop.dispose();
  }
}

function tellFailure(folder: string, io: JobIo, thrown: unknown): number {
  const error =
    explainNoRoom(thrown) ?? (thrown instanceof Error ? thrown : new Error(`${thrown}`));
  const isKnown = error instanceof JobError;
  if (!isKnown) writeLine(io, { log: "defect", stack: error.stack ?? error.message });
  const message = isKnown ? error.message : describeDefect(error);
  try {
    writeFailure(folder, { message, isTransient: isKnown && error.isTransient });
    return EXIT_FAILED;
  } catch (unwritten) {
    if (explainNoRoom(unwritten) === null) throw unwritten;
    process.stderr.write(`no room to write what went wrong: ${message}\n`);
    return EXIT_AGAIN;
  }
}

function createContext(
  folder: string,
  runId: string,
  io: JobIo,
  pause: (point: string) => Promise<void>,
  signal: AbortSignal,
): JobContext {
  return {
    folder,
    runId,
    env: io.env,
    signal,
    pause,
    metric(key, value, step = 0) {
      writeLine(io, { metric: key, value, step });
    },
    log(message, fields = {}) {
      writeLine(io, { log: message, ...fields });
    },
  };
}

function writeLine(io: JobIo, line: Readonly<Record<string, unknown>>): void {
  io.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A job whose starter is gone has nobody to take its result: it ends at once. */
function stopWithParent(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onTerm = (): void => controller.abort(new JobError("asked to stop", true));
  const onDisconnect = (): void => process.exit(EXIT_FAILED);
  process.on("SIGTERM", onTerm);
  if (process.connected) {
    process.on("disconnect", onDisconnect);
    // The listener above would keep the process when its work is done.
    process.channel?.unref();
  }
  return {
    signal: controller.signal,
    dispose() {
      process.off("SIGTERM", onTerm);
      process.off("disconnect", onDisconnect);
    },
  };
}
