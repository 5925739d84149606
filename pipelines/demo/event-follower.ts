import { setTimeout as delay } from "node:timers/promises";
import type { PipelinesClient, StoreEvent } from "./pipelines-client.ts";
import type { Say } from "./say.ts";
import { addHappening, type Happening, NO_FACTS, type StoryFacts } from "./story-facts.ts";
import { tellEvent } from "./tell-event.ts";

const LOOK_MS = 250;
/** Kinds whose events are told with what the run brought. */
const SHOWN_KINDS = new Set(["pull", "train", "observe"]);

/** Reads the event log on, tells what is new, and adds all of it up. */
export class EventFollower {
  readonly #client: PipelinesClient;
  readonly #say: Say;
  readonly #sinceMs: number;
  readonly #signal: AbortSignal;
  #seq = 0;
  #facts: StoryFacts = NO_FACTS;

  /** @param sinceMs what happened before is added up and not told */
  constructor(client: PipelinesClient, say: Say, sinceMs: number, signal: AbortSignal) {
    this.#client = client;
    this.#say = say;
    this.#sinceMs = sinceMs;
    this.#signal = signal;
  }

  get facts(): StoryFacts {
    return this.#facts;
  }

  /** Reads to the end of the log. */
  async catchUp(): Promise<StoryFacts> {
    for (;;) {
      const events = await this.#client.events(this.#seq);
      if (events.length === 0) return this.#facts;
      for (const event of events) this.#take({ event, run: await this.#runOf(event) });
    }
  }

  /** Resolves with true when the facts are so, with false after the time. */
  async until(isSo: (facts: StoryFacts) => boolean, withinMs: number): Promise<boolean> {
    const endMs = performance.now() + withinMs;
    while (!isSo(await this.catchUp())) {
      if (performance.now() > endMs) return false;
      await delay(LOOK_MS, undefined, { signal: this.#signal });
    }
    return true;
  }

  async #runOf({ type, runId, details }: StoreEvent): Promise<Happening["run"]> {
    const isShown = type === "run.finished" && SHOWN_KINDS.has(String(details["kind"]));
    return isShown && runId !== null ? await this.#client.run(runId) : null;
  }

  #take(happening: Happening): void {
    const { event } = happening;
    this.#seq = event.seq;
    this.#facts = addHappening(this.#facts, happening);
    const text = Date.parse(event.at) < this.#sinceMs ? null : tellEvent(happening);
    if (text !== null) this.#say(text);
  }
}
