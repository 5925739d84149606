import type { StoreReader } from "../store/store.ts";

/** What flowed where in the whole life of a store: by kind, with how often. */
export interface Overview {
  readonly nodes: readonly OverviewNode[];
  readonly flows: readonly OverviewFlow[];
}

export type OverviewShape = "run" | "data" | "model" | "door" | "end";

export interface OverviewNode {
  readonly id: string;
  readonly shape: OverviewShape;
  readonly label: string;
}

export interface OverviewFlow {
  readonly from: string;
  readonly to: string;
  /** At least 1; what is counted is the thing at the narrow end: batches, versions, files, messages. */
  readonly count: number;
}

/** Kinds of subjects in edges, as in store/subject.ts, and the node that each is drawn as. */
const THINGS = {
  batch: { id: "batch", shape: "data", label: "batches" },
  dataset: { id: "dataset", shape: "data", label: "dataset versions" },
  candidate: { id: "candidate", shape: "model", label: "candidates" },
  model: { id: "model", shape: "model", label: "model versions" },
  capture: { id: "capture", shape: "data", label: "captured predictions" },
  labels: { id: "labels", shape: "data", label: "labels" },
  window: { id: "window", shape: "data", label: "windows" },
} as const satisfies Readonly<Record<string, OverviewNode>>;
type Thing = keyof typeof THINGS;
/** Subject of a capture file that was taken. */
const CAPTURE_SOURCE = "source:capture/";

const PLACES = {
  feeds: { id: "feeds", shape: "door", label: "feeds" },
  incoming: { id: "incoming", shape: "door", label: "incoming/" },
  quarantine: { id: "quarantine", shape: "end", label: "quarantine" },
  refused: { id: "refused", shape: "end", label: "refused" },
  predictions: { id: "predictions", shape: "data", label: "predictions" },
  serve: { id: "serve", shape: "run", label: "sluice serve" },
  alert: { id: "alert", shape: "end", label: "alerts" },
} as const satisfies Readonly<Record<string, OverviewNode>>;

/** Of boxes and arrows in a picture: as things go. */
const ORDER: readonly string[] = [
  "feeds",
  "job-pull",
  "batch",
  "job-check",
  "quarantine",
  "dataset",
  "job-train",
  "incoming",
  "candidate",
  "job-compile",
  "job-vet",
  "job-evaluate",
  "job-publish",
  "refused",
  "model",
  "job-score",
  "predictions",
  "serve",
  "job-collect",
  "capture",
  "labels",
  "job-observe",
  "window",
  "alert",
];

type Step = readonly [from: OverviewNode, to: OverviewNode, count: number];

/** Draws nothing that did not happen: a flow is there when something went along it. */
export async function overviewOf(store: StoreReader): Promise<Overview> {
  const steps = [
    ...stepsOfEdges(await countEdges(store)),
    ...(await stepsOfCandidates(store)),
    ...(await stepsOfEvents(store)),
    ...(await stepsOfServing(store)),
    ...(await stepsOfOutlets(store)),
  ].filter(([, , count]) => count > 0);
  const nodes = new Map(steps.flatMap(([from, to]) => [from, to].map((node) => [node.id, node])));
  const flows = new Map<string, OverviewFlow>();
  for (const [{ id: from }, { id: to }, count] of steps) {
    const key = `${from} ${to}`;
    flows.set(key, { from, to, count: count + (flows.get(key)?.count ?? 0) });
  }
  return {
    nodes: [...nodes.values()].sort((a, b) => placeOf(a.id) - placeOf(b.id)),
    flows: [...flows.values()].sort((a, b) => placeOf(a.from) - placeOf(b.from)),
  };
}

/** Outlets, whose names nobody knows here, come last. */
function placeOf(id: string): number {
  const place = ORDER.indexOf(id);
  return place < 0 ? ORDER.length : place;
}

interface EdgeCount {
  readonly job: string;
  readonly direction: "in" | "out";
  readonly thing: Thing | typeof CAPTURE_SOURCE;
  readonly count: number;
}

/** Of finished runs. */
async function countEdges(store: StoreReader): Promise<readonly EdgeCount[]> {
  const counts: EdgeCount[] = [];
  for (const thing of [...(Object.keys(THINGS) as Thing[]), CAPTURE_SOURCE] as const) {
    const rows = await store
      .selectFrom("edges")
      .innerJoin("runs", "runs.id", "edges.run_id")
      .select(({ fn }) => ["runs.kind", "edges.direction", fn.countAll().as("count")])
      .where("runs.status", "=", "finished")
      .where("edges.subject", "like", thing === CAPTURE_SOURCE ? `${thing}%` : `${thing}:%`)
      .groupBy(["runs.kind", "edges.direction"])
      .orderBy("runs.kind")
      .execute();
    for (const { kind, direction, count } of rows) {
      counts.push({ job: kind, direction, thing, count: Number(count) });
    }
  }
  return counts;
}

function stepsOfEdges(counts: readonly EdgeCount[]): Step[] {
  return counts.flatMap((edge) => (edge.direction === "in" ? stepsIn(edge) : stepsOut(edge)));
}

function stepsIn({ job, thing, count }: EdgeCount): Step[] {
  const run = jobNode(job);
  if (thing === CAPTURE_SOURCE) return [[PLACES.serve, run, count]];
  // The steps of a candidate are drawn one after another, what was observed by its captures.
  if (thing === "candidate" || (job === "observe" && thing === "model")) return [];
  return [[THINGS[thing], run, count]];
}

function stepsOut({ job, thing, count }: EdgeCount): Step[] {
  const run = jobNode(job);
  if (thing === CAPTURE_SOURCE) return [];
  if (job === "score") return thing === "batch" ? [[run, PLACES.predictions, count]] : [];
  const made: Step = [run, THINGS[thing], count];
  return job === "pull" && thing === "batch" ? [[PLACES.feeds, run, count], made] : [made];
}

function jobNode(kind: string): OverviewNode {
  return { id: `job-${kind}`, shape: "run", label: kind };
}

/** From its making through the gates, as far as each candidate came. */
async function stepsOfCandidates(store: StoreReader): Promise<Step[]> {
  const runs = await store
    .selectFrom("runs")
    .select(["kind", "subject"])
    .where("subject", "like", "candidate:%")
    .where("status", "=", "finished")
    .orderBy("created_at_ms")
    .orderBy("id")
    .execute();
  const last = new Map<string, OverviewNode>();
  const steps: Step[] = [];
  for (const { kind, subject } of runs) {
    const node = jobNode(kind);
    steps.push([last.get(subject) ?? THINGS.candidate, node, 1]);
    last.set(subject, node);
  }
  const rows = await store.selectFrom("candidates").select(["id", "origin", "stage"]).execute();
  for (const { id, origin, stage } of rows) {
    if (origin === "incoming") steps.push([PLACES.incoming, THINGS.candidate, 1]);
    if (stage !== "refused") continue;
    steps.push([last.get(`candidate:${id}`) ?? THINGS.candidate, PLACES.refused, 1]);
  }
  return steps;
}

async function stepsOfEvents(store: StoreReader): Promise<Step[]> {
  const rows = await store
    .selectFrom("events")
    .select(({ fn }) => ["type", fn.countAll().as("count")])
    .where("type", "in", ["batch.quarantined", "batch.released", "monitor.alert"])
    .groupBy("type")
    .execute();
  const counts = new Map(rows.map(({ type, count }) => [type, Number(count)]));
  const check = jobNode("check");
  const alarmed = await store
    .selectFrom("runs")
    .select(({ fn }) => fn.countAll().as("count"))
    .where("kind", "=", "train")
    .where(({ eb, or }) =>
      or([eb("reason", "like", "drift in %"), eb("reason", "like", "degradation in %")]),
    )
    .executeTakeFirst();
  return [
    [check, PLACES.quarantine, counts.get("batch.quarantined") ?? 0],
    [PLACES.quarantine, check, counts.get("batch.released") ?? 0],
    [THINGS.window, PLACES.alert, counts.get("monitor.alert") ?? 0],
    [PLACES.alert, jobNode("train"), Number(alarmed?.count ?? 0)],
  ];
}

/** The server is known by what it captured. */
async function stepsOfServing(store: StoreReader): Promise<Step[]> {
  const versions = await store
    .selectFrom("captures")
    .select(["model", "version"])
    .distinct()
    .execute();
  const windows = await store.selectFrom("windows").select("result_json").execute();
  const labelled = windows.filter(({ result_json }) => {
    const result = JSON.parse(result_json ?? "null") as {
      performance: { coverage: number } | null;
    } | null;
    return (result?.performance?.coverage ?? 0) > 0;
  });
  return [
    [THINGS.model, PLACES.serve, versions.length],
    [THINGS.labels, jobNode("observe"), labelled.length],
  ];
}

/** Messages that left; what reads for itself leaves no trace here. */
async function stepsOfOutlets(store: StoreReader): Promise<Step[]> {
  const rows = await store
    .selectFrom("outbox")
    .select(({ fn }) => ["outlet", fn.countAll().as("count")])
    .where("status", "=", "delivered")
    .groupBy("outlet")
    .orderBy("outlet")
    .execute();
  return rows.map(({ outlet, count }) => {
    const node = { id: `outlet-${outlet}`, shape: "door", label: `outlet ${outlet}` } as const;
    return [PLACES.predictions, node, Number(count)];
  });
}
