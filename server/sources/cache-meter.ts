/** The disk cache as a whole. */
export interface CacheReading {
  readonly versions: number;
  readonly bytes: number;
}

/**
 * Measures the disk cache when asked, at most once in `maxAgeMs`: every file of it is looked at, which
 * is too much for each scrape.
 */
export class CacheMeter {
  readonly #list: () => Promise<readonly { readonly bytes: number }[]>;
  readonly #nowMs: () => number;
  readonly #maxAgeMs: number;
  #measuredMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<CacheReading> = Promise.resolve({ versions: 0, bytes: 0 });

  /** @param nowMs a clock that is never set back */
  constructor(
    list: () => Promise<readonly { readonly bytes: number }[]>,
    nowMs: () => number,
    maxAgeMs: number,
  ) {
    this.#list = list;
    this.#nowMs = nowMs;
    this.#maxAgeMs = maxAgeMs;
  }

  read(): Promise<CacheReading> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#measuredMs >= this.#maxAgeMs) {
      this.#measuredMs = nowMs;
      this.#reading = this.#measure();
    }
    return this.#reading;
  }

  async #measure(): Promise<CacheReading> {
    const found = await this.#list();
    return { versions: found.length, bytes: found.reduce((sum, { bytes }) => sum + bytes, 0) };
  }
}
