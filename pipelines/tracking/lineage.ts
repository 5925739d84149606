import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { LineageEdge, LineageGraph, LineageNode } from "./lineage-graph.ts";

/** Runs that only compared with a model version: what that one came from is another story. */
const COMPARING: readonly string[] = ["vet", "evaluate", "publish"];

/**
 * Everything that a subject, or a run, came from: edges of the runs, and rows where an edge says
 * nothing. A model version leads over publish, evaluate, vet, compile and train to a dataset
 * version, its batches, their pulls and feeds.
 */
export async function lineageOf(store: StoreReader, root: string): Promise<LineageGraph> {
  const nodes = new Map<string, LineageNode>();
  const edges: LineageEdge[] = [];
  const waiting: string[] = [root];
  const closed = new Set<string>();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (nodes.has(id)) continue;
    const node = await describeNode(store, id);
    nodes.set(id, node);
    if (closed.has(id)) continue;
    const origins = await findOrigins(store, id, root);
    for (const origin of origins) {
      edges.push({ from: origin.id, to: id });
      if (origin.isLeaf && !nodes.has(origin.id)) closed.add(origin.id);
      waiting.push(origin.id);
    }
  }
  return { root, nodes: [...nodes.values()], edges };
}

interface Origin {
  readonly id: string;
  /** Shown, and not followed. */
  readonly isLeaf: boolean;
}

async function findOrigins(
  store: StoreReader,
  id: string,
  root: string,
): Promise<readonly Origin[]> {
  const [kind, name] = splitId(id);
  if (kind === "run") return findRunOrigins(store, name, root);
  const ids = await findSubjectOrigins(store, kind, name, id === root);
  return unique(ids).map((each) => ({ id: each, isLeaf: false }));
}

/** What a run read. Of a candidate it read what the step before made of it. */
async function findRunOrigins(
  store: StoreReader,
  runId: string,
  root: string,
): Promise<readonly Origin[]> {
  const run = await store
    .selectFrom("runs")
    .select(["kind", "subject", "created_at_ms"])
    .where("id", "=", runId)
    .executeTakeFirst();
  if (run === undefined) return [];
  const inputs = await store
    .selectFrom("edges")
    .select("subject")
    .where("run_id", "=", runId)
    .where("direction", "=", "in")
    .orderBy("subject")
    .execute();
  // A pull read its source through its feed.
  const feed = run.subject.startsWith("feed:") ? [run.subject] : [];
  const read = inputs.map(({ subject }) => subject);
  const subjects = feed.length > 0 ? [...feed, ...read.filter((each) => !isSource(each))] : read;
  const origins: Origin[] = [];
  for (const subject of unique(subjects)) {
    const before = await findStepBefore(store, subject, runId, root);
    const isLeaf = COMPARING.includes(run.kind) && subject.startsWith("model:");
    origins.push({ id: before ?? subject, isLeaf });
  }
  return origins;
}

function isSource(subject: string): boolean {
  return subject.startsWith("source:");
}

async function findStepBefore(
  store: StoreReader,
  subject: string,
  runId: string,
  root: string,
): Promise<string | null> {
  if (!subject.startsWith("candidate:")) return null;
  const steps = await readSteps(store, subject);
  const at = steps.indexOf(runId);
  const before = at < 0 ? steps.at(-1) : steps[at - 1];
  if (before !== undefined) return `run:${before}`;
  // The first step leads to the candidate, unless that is what the steps are to lead to.
  const training = subject === root ? await readTraining(store, subject) : null;
  return training === null ? null : `run:${training}`;
}

async function readTraining(store: StoreReader, candidate: string): Promise<string | null> {
  const row = await store
    .selectFrom("candidates")
    .select("train_run_id")
    .where("id", "=", splitId(candidate)[1])
    .executeTakeFirst();
  return row?.train_run_id ?? null;
}

/** Runs that a candidate went through, in order, less the one that made it. */
async function readSteps(store: StoreReader, candidate: string): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("runs")
    .select("id")
    .where("subject", "=", candidate)
    .where("status", "=", "finished")
    .orderBy("created_at_ms")
    .orderBy("id")
    .execute();
  return rows.map(({ id }) => id);
}

async function findSubjectOrigins(
  store: StoreReader,
  kind: string,
  name: string,
  isRoot: boolean,
): Promise<readonly string[]> {
  const [base, version] = splitVersion(name);
  switch (kind) {
    case "model":
      return version === null ? [] : findModelOrigins(store, base, version);
    case "candidate":
      return findCandidateOrigins(store, name, isRoot);
    case "dataset":
      return findDatasetOrigins(store, base, version);
    case "batch":
      return findBatchOrigins(store, name);
    case "capture":
      return findCaptureOrigins(store, name);
    case "window":
      return findWindowOrigins(store, name);
    case "feed":
      return [subjectOf.source(name)];
    default:
      return findProducers(store, `${kind}:${name}`);
  }
}

/** Finished runs that made a subject. */
async function findProducers(store: StoreReader, subject: string): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("edges")
    .innerJoin("runs", "runs.id", "edges.run_id")
    .select("runs.id as id")
    .where("edges.subject", "=", subject)
    .where("edges.direction", "=", "out")
    .orderBy("runs.created_at_ms")
    .execute();
  return rows.map(({ id }) => `run:${id}`);
}

async function findModelOrigins(
  store: StoreReader,
  model: string,
  version: number,
): Promise<readonly string[]> {
  const producers = await findProducers(store, subjectOf.model(model, version));
  if (producers.length > 0) return producers;
  const candidate = await store
    .selectFrom("candidates")
    .select("id")
    .where("model", "=", model)
    .where("version", "=", version)
    .executeTakeFirst();
  return candidate === undefined ? [] : [subjectOf.candidate(candidate.id)];
}

/** Its training; asked about itself, the last step that it went through, which leads there. */
async function findCandidateOrigins(
  store: StoreReader,
  id: string,
  isRoot: boolean,
): Promise<readonly string[]> {
  const subject = subjectOf.candidate(id);
  const last = isRoot ? (await readSteps(store, subject)).at(-1) : undefined;
  const run = last ?? (await readTraining(store, subject));
  return run === null ? [] : [`run:${run}`];
}

/** A version holds the batches of every version before it; without a number, all. */
async function findDatasetOrigins(
  store: StoreReader,
  dataset: string,
  version: number | null,
): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("dataset_versions")
    .select(["run_id", "batch_id"])
    .where("dataset", "=", dataset)
    .where("version", "<=", version ?? Number.MAX_SAFE_INTEGER)
    .orderBy("version")
    .execute();
  const runs = await existingRuns(
    store,
    rows.map(({ run_id }) => run_id),
  );
  return rows.map(({ run_id, batch_id }) =>
    runs.has(run_id) ? `run:${run_id}` : subjectOf.batch(batch_id),
  );
}

const MAX_PARAMETERS = 500;

async function existingRuns(
  store: StoreReader,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let at = 0; at < ids.length; at += MAX_PARAMETERS) {
    const some = ids.slice(at, at + MAX_PARAMETERS);
    const rows = await store.selectFrom("runs").select("id").where("id", "in", some).execute();
    for (const { id } of rows) found.add(id);
  }
  return found;
}

async function findBatchOrigins(store: StoreReader, id: string): Promise<readonly string[]> {
  const producers = await findProducers(store, subjectOf.batch(id));
  if (producers.length > 0) return producers;
  const row = await store
    .selectFrom("batches")
    .select("run_id")
    .where("id", "=", id)
    .executeTakeFirst();
  return row === undefined ? [] : [`run:${row.run_id}`];
}

async function findCaptureOrigins(store: StoreReader, id: string): Promise<readonly string[]> {
  const row = await store
    .selectFrom("captures")
    .select(["model", "version", "run_id"])
    .where("id", "=", id)
    .executeTakeFirst();
  return row === undefined ? [] : [`run:${row.run_id}`, subjectOf.model(row.model, row.version)];
}

async function findWindowOrigins(store: StoreReader, id: string): Promise<readonly string[]> {
  const row = await store
    .selectFrom("windows")
    .select("run_id")
    .where("id", "=", id)
    .executeTakeFirst();
  const captures = await store
    .selectFrom("captures")
    .select("id")
    .where("window_id", "=", id)
    .orderBy("first_at_ms")
    .execute();
  const run = row?.run_id ?? null;
  const seen = captures.map((capture) => subjectOf.capture(capture.id));
  return run === null ? seen : [`run:${run}`, ...seen];
}

async function describeNode(store: StoreReader, id: string): Promise<LineageNode> {
  const [kind, name] = splitId(id);
  return { id, kind, label: await describe(store, kind, name) };
}

async function describe(store: StoreReader, kind: string, name: string): Promise<string> {
  if (kind === "run") {
    const row = await store
      .selectFrom("runs")
      .select(["kind", "status"])
      .where("id", "=", name)
      .executeTakeFirst();
    if (row === undefined) return "run";
    return row.status === "finished" ? row.kind : `${row.kind} (${row.status})`;
  }
  const [base, version] = splitVersion(name);
  if (kind === "batch") {
    const row = await store
      .selectFrom("batches")
      .select(["dataset", "rows", "status"])
      .where("id", "=", name)
      .executeTakeFirst();
    return row === undefined ? "batch" : `batch of ${row.dataset}, ${row.rows} rows, ${row.status}`;
  }
  if (kind === "dataset" && version !== null) {
    const row = await store
      .selectFrom("dataset_versions")
      .select("rows")
      .where("dataset", "=", base)
      .where("version", "=", version)
      .executeTakeFirst();
    return row === undefined ? name : `dataset ${name}, ${row.rows} rows`;
  }
  return kind === "candidate" || kind === "window" || kind === "capture" ? kind : `${kind} ${name}`;
}

function splitId(id: string): readonly [kind: string, name: string] {
  const colon = id.indexOf(":");
  return [id.slice(0, colon), id.slice(colon + 1)];
}

function splitVersion(name: string): readonly [base: string, version: number | null] {
  const found = /^(.+)@([0-9]+)$/.exec(name);
  return found === null ? [name, null] : [found[1] ?? name, Number(found[2])];
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
