/**
 * Runs `call` with a signal that fires after `timeoutMs` or when `signal` does, whichever is first.
 * (AbortSignal.any would tie every call to a signal that lives as long as the server.)
 */
export async function withTimeout<T>(
  signal: AbortSignal,
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
