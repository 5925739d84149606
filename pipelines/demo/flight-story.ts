import { setTimeout as delay } from "node:timers/promises";
import { type Clients, untilReady } from "./connect-clients.ts";
import type { EventFollower } from "./event-follower.ts";
import {
  ASKED_ROWS,
  CALENDAR,
  CLOSED_AIRPORT,
  DAY_ROWS,
  dateOf,
  daysToGo,
  isChanged,
  phaseOf,
} from "./flight-calendar.ts";
import type { Flight, FlightDays } from "./flight-days.ts";
import {
  acceptKilometres,
  FLIGHT_FEED,
  FLIGHT_MODEL,
  FLIGHT_OUTLET,
  type FlightProject,
  hasAcceptedKilometres,
} from "./flight-project.ts";
import { FlightTraffic, inputsOf, type TrafficReport } from "./flight-traffic.ts";
import type { PipelinesClient } from "./pipelines-client.ts";
import type { Say } from "./say.ts";
import { checkedBatches } from "./story-facts.ts";
import { addReports, NO_TRAFFIC } from "./traffic-report.ts";

export interface StoryParts {
  readonly clients: Clients;
  readonly pipelines: PipelinesClient;
  readonly follower: EventFollower;
  readonly days: FlightDays;
  readonly project: FlightProject;
  readonly say: Say;
  readonly signal: AbortSignal;
}

const REF = { name: FLIGHT_MODEL, version: null };
const STEP_MS = 120_000;
const WINDOW_MS = 60_000;
/** Gentle: jobs and server share the machine with whoever watches. */
const DAY_TRAFFIC = { rows: 5, pauseMs: 40, isEndless: false };
const STEADY_TRAFFIC = { rows: 3, pauseMs: 250, isEndless: true };
/** Answers of a new version before the traffic ends. */
const SETTLED_ANSWERS = 20;
const SHOWN_ROWS = 3;

/**
 * The life of one model, day by day, from what has arrived already to the next day that has not.
 * Returns what the traffic met. @throws Error when a step does not come to its end
 */
export async function liveFlights(parts: StoryParts): Promise<TrafficReport> {
  const story = new FlightStory(parts);
  await story.tell();
  return story.traffic;
}

class FlightStory {
  readonly #parts: StoryParts;
  traffic: TrafficReport = NO_TRAFFIC;

  constructor(parts: StoryParts) {
    this.#parts = parts;
  }

  async tell(): Promise<void> {
    const { days, follower, say } = this.#parts;
    await follower.catchUp();
    const toGo = daysToGo(days.arrived);
    if (toGo.length === 0) say("the data set is over: no day is left to arrive");
    await this.#learn(toGo.filter((day) => phaseOf(day) === "history"));
    await this.#answerFirst();
    for (const day of toGo.filter((each) => phaseOf(each) === "quiet")) await this.#live(day);
    await this.#change(toGo.filter((day) => phaseOf(day) === "changed"));
    for (const day of toGo.filter((each) => phaseOf(each) === "after")) {
      if (this.#isNewVersionDue()) await this.#renew(day);
      else await this.#live(day);
    }
    await this.#leave();
  }

  /** The first days arrive; a model comes of them. */
  async #learn(history: readonly number[]): Promise<void> {
    const { days, follower, say } = this.#parts;
    if (history.length > 0) {
      const names = history.map(dateOf).join(", ");
      say(`Flights of ${names} arrive as files: a contract and a first model are made of them`);
      for (const day of history) await days.arrive(day);
    }
    await this.#pull();
    const { refusedCandidates } = follower.facts;
    const isOver = await follower.until(
      (facts) => facts.versions.length > 0 || facts.refusedCandidates > refusedCandidates,
      STEP_MS,
    );
    if (isOver && follower.facts.versions.length > 0) return;
    throw new Error(
      "no first model came of the flights; 'sluice runs' and 'sluice explain' say why",
    );
  }

  async #answerFirst(): Promise<void> {
    const { clients, days, say, signal } = this.#parts;
    await untilReady(clients[0], REF, say, signal);
    // The next to come, in the unit that holds by then.
    const day = dateOf(days.arrived) === null ? days.arrived - 1 : days.arrived;
    const [flight] = await days.flightsOf(day, 1);
    if (flight === undefined) throw new Error("a day has no flight");
    const answer = await clients[0].infer(REF, { inputs: inputsOf([flight]), outputs: null });
    const probability = Number(answer.outputs[0]?.data[0]);
    say(
      `First answer by HTTP: ${nameOf(flight, day)} is late with probability ${probability.toFixed(2)}, says ${FLIGHT_MODEL} version ${answer.modelVersion}`,
    );
  }

  /** A day: its flights are asked about, then its file arrives. */
  async #live(day: number): Promise<void> {
    const { days, follower, say } = this.#parts;
    const windows = follower.facts.windows.length;
    const flights = await days.flightsOf(day, ASKED_ROWS);
    say(
      `${dateOf(day)}: ${flights.length} of its flights are asked about over HTTP, gRPC and WebSocket`,
    );
    const report = await this.#follow(this.#ask(flights, DAY_TRAFFIC).ended());
    this.#count(report);
    say(
      `  ${report.requests} requests answered, ${report.failures.length} failed; what became of ${report.labels} flights was told by their inference ids`,
    );
    await follower.until((facts) => facts.windows.length > windows, WINDOW_MS);
    await this.#arrive(day);
  }

  async #change(changed: readonly number[]): Promise<void> {
    const { follower, say } = this.#parts;
    if (changed.length === 0) return;
    say(
      `THE CHANGE: from ${dateOf(changed[0] ?? 0)} on nothing leaves ${CLOSED_AIRPORT}, and distances come in kilometres; nobody tells the pipelines`,
    );
    const before = follower.facts.windows.length;
    for (const day of changed) await this.#live(day);
    const hasAlert = () => follower.facts.alerts.length > 0;
    if (!(await follower.until(hasAlert, WINDOW_MS))) {
      say("  no drift was found within a minute; 'sluice events' shows what was");
      return;
    }
    // Gone on with in the middle: how many windows the change has seen is not known.
    if (changed.length < CALENDAR.changed) return;
    const alert = follower.facts.alerts[0];
    const found = follower.facts.windows.findIndex(
      ({ version, number }) => version === alert?.version && number === alert.number,
    );
    say(`  the drift was found in window ${found - before + 1} after the change`);
  }

  #isNewVersionDue(): boolean {
    const { quarantined, versions, everQuarantined } = this.#parts.follower.facts;
    return quarantined.length > 0 || (everQuarantined.length > 0 && versions.length < 2);
  }

  /** The owner accepts the new unit; the rest follows by itself, under traffic. */
  async #renew(day: number): Promise<void> {
    const { days, follower, project, say } = this.#parts;
    const flights = await days.flightsOf(day, DAY_ROWS);
    const traffic = this.#ask(flights, STEADY_TRAFFIC);
    try {
      this.#accept(project.file);
      const { versions, refusedCandidates } = follower.facts;
      const isOver = await follower.until(
        (facts) =>
          facts.versions.length > versions.length || facts.refusedCandidates > refusedCandidates,
        STEP_MS,
      );
      const version = follower.facts.versions[versions.length];
      if (version !== undefined) await this.#untilSwapped(traffic, String(version));
      else say(`  no new version: ${isOver ? "the gates refused it" : "none came in time"}`);
    } finally {
      traffic.stop();
    }
    this.#tellSwap(await traffic.ended());
    await this.#live(day);
  }

  #accept(file: string): void {
    if (hasAcceptedKilometres(file)) return;
    this.#parts.say(
      `The owner of the data accepts kilometres: sluice.yaml gets a contract for distance (${file})`,
    );
    acceptKilometres(file);
  }

  async #untilSwapped(traffic: FlightTraffic, version: string): Promise<void> {
    const endMs = performance.now() + STEP_MS;
    while (!traffic.hasMet(version) || traffic.answersOf(version) < SETTLED_ANSWERS) {
      if (performance.now() > endMs) throw new Error(`version ${version} did not come to serve`);
      await delay(50, undefined, { signal: this.#parts.signal });
    }
  }

  #tellSwap(report: TrafficReport): void {
    this.#count(report);
    const versions = [...report.answered].map(([version, count]) => `version ${version}: ${count}`);
    this.#parts.say(
      `Swapped ${FLIGHT_MODEL} under traffic: ${versions.join(", ")} answers; failed: ${report.failures.length}`,
    );
    const [failure] = report.failures;
    if (failure !== undefined) this.#parts.say(`  the first failure: ${failure}`);
  }

  async #leave(): Promise<void> {
    const { follower, pipelines, say } = this.#parts;
    await follower.until(({ scoredRows }) => scoredRows > 0, WINDOW_MS);
    const lines = await pipelines.feedLines(FLIGHT_OUTLET, SHOWN_ROWS);
    say(`Predictions leave by the feed '${FLIGHT_OUTLET}'; its first rows:`);
    for (const line of lines) say(`  ${line}`);
  }

  async #arrive(day: number): Promise<void> {
    const { days, follower, say } = this.#parts;
    const checked = checkedBatches(follower.facts);
    await days.arrive(day);
    await this.#pull();
    const isChecked = await follower.until((facts) => checkedBatches(facts) > checked, STEP_MS);
    if (isChecked) return;
    say(
      `  the file of ${dateOf(day)} was not checked in time; 'sluice runs' shows what is at work`,
    );
  }

  #ask(flights: readonly Flight[], pace: typeof DAY_TRAFFIC): FlightTraffic {
    const { clients, signal } = this.#parts;
    return new FlightTraffic({ clients, labels: clients[0], flights, signal, ...pace });
  }

  /** Goes on telling while something else is at work. */
  async #follow<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    await this.#parts.follower.until(() => isOver, STEP_MS);
    return await work;
  }

  #count(report: TrafficReport): void {
    this.traffic = addReports(this.traffic, report);
  }

  async #pull(): Promise<void> {
    await this.#parts.pipelines.pull(FLIGHT_FEED);
  }
}

function nameOf({ origin, destination, hour, distance }: Flight, day: number): string {
  return `${origin} to ${destination} at ${hour} h, ${distance} ${isChanged(day) ? "km" : "miles"},`;
}
