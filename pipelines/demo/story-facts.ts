import type { EvaluateResult } from "../evaluate/evaluate-spec.ts";
import type { ColumnDrift, ObserveResult } from "../monitors/observe-spec.ts";
import { FLIGHT_DATASET, FLIGHT_MODEL } from "./flight-project.ts";
import type { StoreEvent, StoreRun } from "./pipelines-client.ts";

/** An event, and its run where the event alone says too little. */
export interface Happening {
  readonly event: StoreEvent;
  readonly run: StoreRun | null;
}

export interface ClosedWindow {
  readonly version: number;
  readonly number: number;
  readonly rows: number;
  readonly drifted: readonly string[];
}

export interface DriftAlert {
  readonly version: number;
  readonly number: number;
  readonly columns: readonly ColumnDrift[];
}

/** What the event log amounts to; made from nothing else, so that a demo that is started again knows it too. */
export interface StoryFacts {
  readonly events: number;
  readonly runs: number;
  readonly failedRuns: number;
  readonly pulledRows: number;
  readonly pulledBatches: number;
  readonly treated: readonly string[];
  readonly landed: number;
  /** Ids of batches that wait for a contract that lets them in. */
  readonly quarantined: readonly string[];
  readonly everQuarantined: readonly string[];
  readonly released: number;
  readonly contractVersion: number;
  readonly datasetVersion: number;
  readonly datasetRows: number;
  readonly trainings: number;
  readonly withheld: number;
  readonly modelBytes: number | null;
  readonly replayDifference: number | null;
  readonly gatesPassed: number;
  readonly gatesFailed: number;
  readonly refusedCandidates: number;
  readonly evaluation: Pick<EvaluateResult, "metric" | "rows" | "change"> | null;
  /** Of the flight model, in the order of publishing. */
  readonly versions: readonly number[];
  readonly windows: readonly ClosedWindow[];
  readonly alerts: readonly DriftAlert[];
  /** Latest look at each window with enough labels: the last of them. */
  readonly performance: ObserveResult["performance"];
  readonly labels: number;
  readonly scoredRows: number;
  readonly gitCommit: string | null;
}

export const NO_FACTS: StoryFacts = {
  events: 0,
  runs: 0,
  failedRuns: 0,
  pulledRows: 0,
  pulledBatches: 0,
  treated: [],
  landed: 0,
  quarantined: [],
  everQuarantined: [],
  released: 0,
  contractVersion: 0,
  datasetVersion: 0,
  datasetRows: 0,
  trainings: 0,
  withheld: 0,
  modelBytes: null,
  replayDifference: null,
  gatesPassed: 0,
  gatesFailed: 0,
  refusedCandidates: 0,
  evaluation: null,
  versions: [],
  windows: [],
  alerts: [],
  performance: null,
  labels: 0,
  scoredRows: 0,
  gitCommit: null,
};

type Details = Readonly<Record<string, unknown>>;
type Change = (facts: StoryFacts, happening: Happening) => Partial<StoryFacts>;

/** The facts after one more event. */
export function addHappening(facts: StoryFacts, happening: Happening): StoryFacts {
  const { event, run } = happening;
  const change = CHANGES[event.type]?.(facts, happening) ?? {};
  const gitCommit = run?.gitCommit ?? facts.gitCommit;
  return { ...facts, events: event.seq, gitCommit, ...change };
}

const CHANGES: Readonly<Record<string, Change>> = {
  "run.finished": (facts, { event, run }) => ({
    runs: facts.runs + 1,
    ...(event.details["kind"] === "pull" && addPull(facts, run)),
    ...(event.details["kind"] === "observe" && addLook(run)),
  }),
  "run.failed": (facts) => ({ runs: facts.runs + 1, failedRuns: facts.failedRuns + 1 }),
  "batch.landed": (facts, { event }) =>
    event.details["dataset"] === FLIGHT_DATASET ? { landed: facts.landed + 1 } : {},
  "batch.quarantined": (facts, { event: { subject } }) => ({
    quarantined: [...facts.quarantined.filter((each) => each !== subject), subject],
    everQuarantined: [...facts.everQuarantined.filter((each) => each !== subject), subject],
  }),
  "batch.released": (facts, { event: { subject } }) => ({
    landed: facts.landed + 1,
    released: facts.released + 1,
    quarantined: facts.quarantined.filter((each) => each !== subject),
  }),
  "contract.changed": (_, { event }) => ({ contractVersion: numberIn(event.details, "version") }),
  "dataset.versioned": (_, { event: { subject, details } }) =>
    subject.startsWith(`dataset:${FLIGHT_DATASET}@`)
      ? { datasetVersion: Number(subject.split("@")[1]), datasetRows: numberIn(details, "rows") }
      : {},
  "train.triggered": (facts) => ({ trainings: facts.trainings + 1 }),
  "train.withheld": (facts) => ({ withheld: facts.withheld + 1 }),
  "gate.passed": (facts, { event: { details } }) => ({
    gatesPassed: facts.gatesPassed + 1,
    ...gateFacts(details),
  }),
  "gate.failed": (facts, { event: { details } }) => ({
    gatesFailed: facts.gatesFailed + 1,
    refusedCandidates: facts.refusedCandidates + 1,
    ...gateFacts(details),
  }),
  "model.versioned": (facts, { event: { subject } }) =>
    subject.startsWith(`model:${FLIGHT_MODEL}@`)
      ? { versions: [...facts.versions, Number(subject.split("@")[1])] }
      : {},
  "window.closed": (facts, { event: { details } }) => ({
    windows: [...facts.windows, windowOf(details)],
  }),
  "monitor.alert": (facts, { event }) =>
    event.details["kind"] === "drift" ? { alerts: [...facts.alerts, alertOf(event)] } : {},
  "labels.collected": (facts, { event }) => ({
    labels: facts.labels + numberIn(event.details, "rows"),
  }),
  "predictions.scored": (facts, { event }) => ({
    scoredRows: facts.scoredRows + numberIn(event.details, "rows"),
  }),
};

function addPull(facts: StoryFacts, run: StoreRun | null): Partial<StoryFacts> {
  const batch = (run?.result as { batch: PulledFacts | null } | null)?.batch ?? null;
  if (batch === null) return {};
  const treated = Object.entries(batch.treatments)
    .filter(([, how]) => !how.startsWith("keep"))
    .map(([column, how]) => `${column} ${PAST[how] ?? how}`);
  return {
    pulledBatches: facts.pulledBatches + 1,
    pulledRows: facts.pulledRows + batch.rows,
    treated,
  };
}

interface PulledFacts {
  readonly rows: number;
  readonly treatments: Readonly<Record<string, string>>;
}

const PAST: Readonly<Record<string, string>> = {
  drop: "dropped",
  hash: "hashed",
  mask: "masked",
};

/** The first look at a window has seen too few labels sometimes; later ones see more. */
function addLook(run: StoreRun | null): Partial<StoryFacts> {
  const performance = (run?.result as ObserveResult | null)?.performance ?? null;
  return performance?.realised == null ? {} : { performance };
}

function gateFacts(details: Details): Partial<StoryFacts> {
  if (details["gate"] === "replay") {
    const replay = details["replay"] as { maxAbsDifference: number } | null;
    return {
      modelBytes: numberIn(details, "modelBytes"),
      replayDifference: replay?.maxAbsDifference ?? null,
    };
  }
  if (details["gate"] !== "evaluate") return {};
  const { metric, rows, change } = details as unknown as EvaluateResult;
  return { evaluation: { metric, rows, change } };
}

function windowOf(details: Details): ClosedWindow {
  return {
    version: numberIn(details, "version"),
    number: numberIn(details, "number"),
    rows: numberIn(details, "rows"),
    drifted: (details["drifted"] ?? []) as readonly string[],
  };
}

function alertOf({ subject, details }: StoreEvent): DriftAlert {
  return {
    version: Number(subject.split("@")[1]),
    number: numberIn(details, "number"),
    columns: (details["columns"] ?? []) as readonly ColumnDrift[],
  };
}

function numberIn(details: Details, key: string): number {
  const value = details[key];
  return typeof value === "number" ? value : 0;
}

/** Batches of the flights that were checked, whatever the verdict. */
export function checkedBatches({ landed, quarantined }: StoryFacts): number {
  return landed + quarantined.length;
}
