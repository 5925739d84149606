import { TurnBudget } from "./turn-budget.ts";

/** A poll for sockets may take this long and go on: libuv repeats one that found 1024 ready. */
const LATE_MS = 2;

/** What has jobs for the end of a turn of the event loop. */
export interface TurnRunner {
  /** Runs what waits, within the turn's budget; asks for a further turn with `plan` where some is left. */
  runTurn(): void;
}

/**
 * The ends of one thread's turns: all of its servables run their jobs there, out of one budget, and
 * each is the first of a turn in its turn. One a thread.
 */
export class InlineTurns {
  /** Begun by each turn; runners spend it. */
  readonly budget = new TurnBudget();
  readonly #endTurn = () => this.#runTurn();
  #planned: TurnRunner[] = [];
  #running: TurnRunner[] = [];
  #sinceMs = 0;
  readonly #lateMs: number;

  /** @param lateMs after which a turn does not wait for its end */
  constructor(lateMs = LATE_MS) {
    this.#lateMs = lateMs;
  }

  /** REQUIRES: not planned already. */
  plan(runner: TurnRunner, nowMs: number): void {
    if (this.#planned.length === 0) {
      this.#sinceMs = nowMs;
      setImmediate(this.#endTurn);
    }
    this.#planned.push(runner);
  }

  /** Ends a turn that does not come to its end. REQUIRES: not called by a runner. */
  endIfLate(nowMs: number): void {
    if (this.#planned.length > 0 && nowMs - this.#sinceMs > this.#lateMs) this.#runTurn();
  }

  #runTurn(): void {
    const runners = this.#planned;
    this.#planned = this.#running;
    this.#running = runners;
    this.budget.begin();
    // Those left over plan anew in the order in which they ran: so the second was not first before.
    for (let i = 1; i <= runners.length; i += 1) {
      (runners[i % runners.length] as TurnRunner).runTurn();
    }
    runners.length = 0;
  }
}
