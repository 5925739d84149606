/** Most microseconds of runs in one turn of the event loop: sockets wait for its end. */
const TURN_US = 1000;
/** What a job costs a serving thread that hands it to an engine thread and hears of it again. */
const HANDOVER_US = 20;

/** How long runs may hold up one turn of a serving thread's event loop. Pure. */
export class TurnBudget {
  #spentUs = 0;

  begin(): void {
    this.#spentUs = 0;
  }

  spend(us: number): void {
    this.#spentUs += us;
  }

  /**
   * Where the next job belongs: beyond the turn's budget, cheap ones wait for the next turn, and those that cost
   * more here than handing them over go to the engine.
   * @param costUs of the job alone
   */
  place(costUs: number): "inline" | "next-turn" | "engine" {
    if (this.#spentUs < TURN_US) return "inline";
    return costUs > HANDOVER_US ? "engine" : "next-turn";
  }
}
