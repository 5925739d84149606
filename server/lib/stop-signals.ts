/** SIGTERM and SIGINT, told apart by their order only. */
export interface StopSignals {
  /** Aborted by the first, with its name as the reason. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;
}

/**
 * Takes both signals over for the rest of the process's life; call it before anything slow. A process
 * started with an IPC channel (by `sluice up`) also stops when its starter is gone, however it died.
 */
export function catchStopSignals(): StopSignals {
  const first = new AbortController();
  const second = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (first.signal.aborted) second.abort(name);
      else first.abort(name);
    });
  }
  if (process.connected) {
    process.once("disconnect", () => first.abort("its starter ended"));
    // The listener would keep a process that is done.
    process.channel?.unref();
  }
  return { first: first.signal, second: second.signal };
}
