import { createDeferred, type Deferred } from "../lib/deferred.ts";

/** Counts what is under way on one listener, and tells when nothing is. */
export class InFlight {
  #count = 0;
  #idle: Deferred<void> | null = null;

  get count(): number {
    return this.#count;
  }

  enter(): void {
    this.#count += 1;
  }

  leave(): void {
    this.#count -= 1;
    if (this.#count > 0 || this.#idle === null) return;
    this.#idle.resolve();
    this.#idle = null;
  }

  /** Resolves when the count is zero. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#idle ??= createDeferred<void>();
    return this.#idle.promise;
  }
}

/** Rejects when `work` has not settled after `deadlineMs`. `work` goes on. */
export async function withDeadline(
  work: Promise<unknown>,
  deadlineMs: number,
  describe: () => string,
): Promise<void> {
  const late = createDeferred<void>();
  const timer = setTimeout(() => {
    late.reject(new Error(`${describe()} after ${deadlineMs} ms`));
  }, deadlineMs);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
