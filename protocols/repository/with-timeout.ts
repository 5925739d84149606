/** Says that the call is getting on: its time starts again. */
export type Progress = () => void;

/**
 * Runs `call` with a signal that fires after `timeoutMs` without progress, or when `signal` does.
 * (AbortSignal.any would tie every call to a signal that lives as long as the server.)
 */
export async function withTimeout<T>(
  signal: AbortSignal,
  timeoutMs: number,
  call: (signal: AbortSignal, progress: Progress) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await call(controller.signal, () => timer.refresh());
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
