import type { StreamSession } from "./stream-session.ts";

/** The open sessions of one listener. */
export class StreamSessions {
  readonly #open = new Set<StreamSession>();

  add(session: StreamSession): void {
    this.#open.add(session);
  }

  delete(session: StreamSession): void {
    this.#open.delete(session);
  }

  get inFlight(): number {
    let count = 0;
    for (const session of this.#open) count += session.inFlight;
    return count;
  }

  /** Resolves when every session has answered what it had and has said goodbye. */
  async drain(): Promise<void> {
    await Promise.all([...this.#open].map((session) => session.drain()));
  }
}
