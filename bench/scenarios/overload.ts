import type { LoadPlan, Protocol } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import type { BenchModel } from "../models/bench-model.ts";
import { COMPUTE, MLP } from "../models/bench-models.ts";
import type { Outcomes } from "../outcomes.ts";
import type { Paired } from "../run-pairs.ts";
import type { SluiceServer } from "../running-server.ts";
import { assertFaultless } from "./compare-loads.ts";
import type { Figure, Series } from "./figure.ts";
import { plainFigure } from "./figures.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

interface Case {
  readonly model: BenchModel;
  readonly protocol: Protocol;
  /** Offered rate over the peak goodput. */
  readonly factor: number;
}

const CASES: readonly Case[] = [
  { model: COMPUTE, protocol: "http-binary", factor: 10 },
  { model: MLP, protocol: "http-json", factor: 2 },
];
const MIN_GOODPUT = 0.9;
const MIN_DEADLINE_MS = 50;
/** Over the p50 of an idle server. */
const DEADLINE_FACTOR = 20;
/** Closed loops among which the peak is looked for. */
const PEAK_CONNECTIONS = [2, 8, 32, 128];
/** A client that hears nothing hangs up this long after its deadline. */
const SILENCE_MS = 5000;
/** A request holds its connection for so many deadlines, at most where the server keeps them. */
const HELD_DEADLINES = 2;
/** A refused connection rests a while, and the clock is not perfect. */
const SPARE_MS = 30;
const MIN_CONNECTIONS = 64;
const MAX_CONNECTIONS = 4000;
/** A generator whose loop turns slower than this share of the deadline measured itself. */
const MAX_DELAY_SHARE = 0.2;
/** One that works so much of its time may be behind without its loop turning slowly. */
const MAX_UTILIZATION = 0.9;
const QUICK_WINDOW_MS = 800;

export const OVERLOAD: Scenario = {
  name: "overload",
  title: "Overload",
  question: "Does a server that is asked for more than it can do still do what it can, in time?",
  bar: `a model of 5 ms or more at 10x its capacity, the tiny one at 2x: goodput at least ${MIN_GOODPUT} of the peak, p99 of accepted requests at most the deadline`,
  run: runOverload,
};

interface CaseResult extends Case {
  readonly deadlineMs: number;
  readonly peakConnections: number;
  readonly ratePerSec: number;
  readonly connections: number;
  readonly paired: Paired<LoadResult, LoadResult>;
}

async function runOverload(context: ScenarioContext): Promise<ScenarioResult> {
  const results: CaseResult[] = [];
  for (const each of CASES) {
    const modelFile = await context.writeModel(each.model);
    const models = { [each.model.name]: modelFile };
    const server = await context.startSluice({ models, flags: [] });
    results.push(await runCase(context, server, each));
    await context.stop(server);
  }
  return {
    figures: [...results.flatMap(barFigures), ...results.map(peakFigure)],
    series: results.flatMap(outcomeSeries),
    notes: results.flatMap(describeCase),
  };
}

async function runCase(
  context: ScenarioContext,
  server: SluiceServer,
  overloaded: Case,
): Promise<CaseResult> {
  const room: Room = { context, server, overloaded };
  const unloaded = await closedLoop(room, 1, null);
  assertFaultless(unloaded);
  const deadlineMs = Math.max(MIN_DEADLINE_MS, DEADLINE_FACTOR * unloaded.latency.p50Ms);
  const peak = await findPeak(room, deadlineMs);
  const ratePerSec = overloaded.factor * goodputPerSec(peak);
  const connections = connectionsFor(ratePerSec, deadlineMs);
  const { name } = overloaded.model;
  context.log(
    `${name}: peak ${goodputPerSec(peak).toFixed(0)}/s at ${peak.connections} connections, deadline ${deadlineMs.toFixed(0)} ms; offering ${ratePerSec.toFixed(0)}/s on ${connections}`,
  );
  const offered = plan(room, { ratePerSec, connections, deadlineMs, isShort: false });
  const paired = await context.pairs(
    context.contender(`${name} at ${overloaded.factor}x`, server, offered),
    { name: "peak", measure: () => closedLoop(room, peak.connections, deadlineMs) },
  );
  const peakConnections = peak.connections;
  return { ...overloaded, deadlineMs, peakConnections, ratePerSec, connections, paired };
}

interface Room {
  readonly context: ScenarioContext;
  readonly server: SluiceServer;
  readonly overloaded: Case;
}

/** @param deadlineMs null: as long as a request may take anyway */
function closedLoop(
  room: Room,
  connections: number,
  deadlineMs: number | null,
  isShort = deadlineMs === null,
): Promise<LoadResult> {
  const limitMs = deadlineMs ?? room.context.settings.timeoutMs;
  const shape = { ratePerSec: null, connections, deadlineMs: limitMs, isShort };
  const name = `${room.overloaded.model.name} closed`;
  return room.context.measure(name, room.server, plan(room, shape));
}

async function findPeak(room: Room, deadlineMs: number): Promise<LoadResult> {
  const tries: LoadResult[] = [];
  for (const connections of PEAK_CONNECTIONS) {
    tries.push(await closedLoop(room, connections, deadlineMs, true));
  }
  const peak = tries.reduce((best, each) =>
    goodputPerSec(each) > goodputPerSec(best) ? each : best,
  );
  if (goodputPerSec(peak) > 0) return peak;
  throw new Error(
    `no closed loop of '${room.overloaded.model.name}' was answered within ${deadlineMs} ms: ${peak.firstError}`,
  );
}

function plan(
  { context, server, overloaded }: Room,
  load: {
    readonly ratePerSec: number | null;
    readonly connections: number;
    readonly deadlineMs: number;
    /** To find something out, not to report it. */
    readonly isShort: boolean;
  },
): LoadPlan {
  const { quick, durationMs } = context.settings;
  const windowMs = quick ? QUICK_WINDOW_MS : durationMs;
  return context.planLoad(server, overloaded.model.name, {
    protocol: overloaded.protocol,
    ratePerSec: load.ratePerSec,
    connections: load.connections,
    deadlineMs: load.deadlineMs,
    timeoutMs: load.deadlineMs + SILENCE_MS,
    durationMs: load.isShort ? windowMs / 2 : windowMs,
  });
}

/** Enough that a request never waits for a free one, whatever the server does with the others. */
export function connectionsFor(ratePerSec: number, deadlineMs: number): number {
  const needed = Math.ceil((ratePerSec * (HELD_DEADLINES * deadlineMs + SPARE_MS)) / 1000);
  return Math.min(MAX_CONNECTIONS, Math.max(MIN_CONNECTIONS, needed));
}

function barFigures(result: CaseResult): Figure[] {
  const { paired, factor, model, deadlineMs } = result;
  const { ours, theirs } = paired;
  const ratios = ours.map((each, i) => goodputPerSec(each) / goodputPerSec(theirs[i]));
  const noisyRuns = Math.max(paired.noisyPairs, ours.filter(isGeneratorLimited).length);
  const what = `${model.name} at ${factor}x its capacity`;
  return [
    plainFigure({
      name: `${what}: goodput, share of the peak`,
      unit: "x",
      // Not a ratio figure: a server that breaks down answers nothing in time, and 0 is a result.
      values: ratios,
      noisyRuns,
      bar: { atLeast: MIN_GOODPUT },
    }),
    plainFigure({
      name: `${what}: p99 of accepted requests, share of the deadline`,
      unit: "x",
      values: ours.map((each) => acceptedP99Ms(each) / deadlineMs),
      noisyRuns,
      bar: { atMost: 1 },
    }),
  ];
}

/** Where nothing was answered, the time that a client waited in vain. */
function acceptedP99Ms({ requests, latency, deadlineMs }: LoadResult): number {
  return requests === 0 ? (deadlineMs ?? 0) + SILENCE_MS : latency.p99Ms;
}

function isGeneratorLimited(load: LoadResult): boolean {
  const { generator, generatorUtilization, generatorDelayP99Ms, deadlineMs } = load;
  // The script generator polls between two starts, which counts as work.
  const isBusy = generator === "native" && generatorUtilization > MAX_UTILIZATION;
  return isBusy || (generatorDelayP99Ms ?? 0) > MAX_DELAY_SHARE * (deadlineMs ?? 0);
}

/** Right answers within the deadline, per second of the window; 0 for what was not measured. */
function goodputPerSec(load: LoadResult | undefined): number {
  return (load?.outcomes?.inTime ?? 0) / (load?.durationSecs ?? 1);
}

function peakFigure({ paired, model, factor }: CaseResult): Figure {
  return plainFigure({
    name: `${model.name}: requests/s of the window sent at ${factor}x, share of the peak goodput`,
    unit: "x",
    // Not a ratio figure either: where the server falls behind at once none of the window is sent.
    values: paired.ours.map((each, i) => sentPerSec(each) / goodputPerSec(paired.theirs[i])),
    noisyRuns: paired.noisyPairs,
    bar: null,
  });
}

function sentPerSec({ outcomes, durationSecs }: LoadResult): number {
  return outcomes === null ? 0 : (sumOf(outcomes) - outcomes.unsent) / durationSecs;
}

function outcomeSeries({ model, factor, paired }: CaseResult): Series[] {
  const shares = paired.ours.flatMap(({ outcomes }) =>
    outcomes === null ? [] : sharesOf(outcomes),
  );
  const names = ["inTime", "late", "refused", "expired", "failed", "unsent"] as const;
  return [
    {
      plot: "What became of the requests under overload",
      kind: "bars",
      name: `${model.name} at ${factor}x`,
      xAxis: "",
      yAxis: "share",
      points: names.map((name) => {
        const values = shares.map((each) => each[name]).toSorted((a, b) => a - b);
        return {
          x: name === "inTime" ? "in time" : name,
          y: values[values.length >> 1] ?? 0,
          low: values[0] ?? null,
          high: values.at(-1) ?? null,
        };
      }),
    },
  ];
}

function sharesOf(outcomes: Outcomes): Outcomes {
  const total = sumOf(outcomes);
  const { inTime, late, refused, expired, failed, unsent } = outcomes;
  return {
    inTime: inTime / total,
    late: late / total,
    refused: refused / total,
    expired: expired / total,
    failed: failed / total,
    unsent: unsent / total,
  };
}

function sumOf({ inTime, late, refused, expired, failed, unsent }: Outcomes): number {
  return inTime + late + refused + expired + failed + unsent;
}

function describeCase(result: CaseResult): string[] {
  const { model, protocol, factor, deadlineMs, peakConnections, connections, paired } = result;
  const last = paired.ours.at(-1);
  const outcomes = last?.outcomes ?? null;
  if (last === undefined || outcomes === null) return [];
  const counts = `${outcomes.inTime} in time, ${outcomes.late} late, ${outcomes.refused} refused, ${outcomes.expired} expired, ${outcomes.failed} failed, ${outcomes.unsent} unsent`;
  const limited = paired.ours.filter(isGeneratorLimited).length;
  return [
    `${model.name} at ${factor}x (${protocol}): deadline ${deadlineMs.toFixed(0)} ms (x-request-timeout-ms), ${connections} connections; peak among closed loops of ${PEAK_CONNECTIONS.join(", ")} connections: ${peakConnections}. Last load: ${counts}; p50 of the answers ${last.latency.p50Ms.toFixed(1)} ms, server ${last.server?.cores.toFixed(2) ?? "?"} cores.`,
    ...(limited === 0
      ? []
      : [
          `${model.name}: the generator could not keep its rate in ${limited} of ${paired.ours.length} loads; give it more cores.`,
        ]),
    ...(last.firstError === null ? [] : [`${model.name}: the first refusal: ${last.firstError}`]),
  ];
}
