/** Versions that requests wait for, first asked first; one entry a version however many ask. */
export class AskQueue<Asked> {
  readonly #untilMs = new Map<Asked, number>();

  /** @param untilMs after this nobody waits any more */
  add(asked: Asked, untilMs: number): void {
    this.#untilMs.set(asked, Math.max(untilMs, this.#untilMs.get(asked) ?? 0));
  }

  remove(asked: Asked): void {
    this.#untilMs.delete(asked);
  }

  has(asked: Asked): boolean {
    return this.#untilMs.has(asked);
  }

  /** In the order of asking; drops what nobody waits for any more. */
  list(nowMs: number): readonly Asked[] {
    for (const [asked, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(asked);
    return [...this.#untilMs.keys()];
  }
}
