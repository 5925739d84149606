/** Versions that requests wait for, first asked first; one entry a version however many ask. */
export class AskQueue<Asked> {
  readonly #untilMs = new Map<Asked, number>();
  readonly #sinceMs = new Map<Asked, number>();

  /**
   * Asking again while it waits changes nothing: who asks for ever must not stay at the head for ever.
   * @param untilMs after this nobody waits any more
   */
  add(asked: Asked, untilMs: number, nowMs: number): void {
    if ((this.#untilMs.get(asked) ?? Number.NEGATIVE_INFINITY) > nowMs) return;
    this.remove(asked);
    this.#untilMs.set(asked, untilMs);
    this.#sinceMs.set(asked, nowMs);
  }

  /** How long it has waited; 0 where it does not. */
  waitedMs(asked: Asked, nowMs: number): number {
    return nowMs - (this.#sinceMs.get(asked) ?? nowMs);
  }

  remove(asked: Asked): void {
    this.#untilMs.delete(asked);
    this.#sinceMs.delete(asked);
  }

  has(asked: Asked): boolean {
    return this.#untilMs.has(asked);
  }

  /** In the order of asking; drops what nobody waits for any more. */
  list(nowMs: number): readonly Asked[] {
    for (const [asked, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.remove(asked);
    return [...this.#untilMs.keys()];
  }
}
