import type { Selectable } from "kysely";
import type { EvaluateResult } from "../evaluate/evaluate-spec.ts";
import { NO_DRIFT_WATCH } from "../monitors/no-drift-watch.ts";
import type { WatchedWindow } from "../monitors/watched-window.ts";
import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { CandidateTable, WindowTable } from "../store/tables.ts";
import { describeEvaluation, describeWindow } from "./describe-result.ts";
import { describeOutcome, describeRun } from "./explain-run.ts";
import type { Explanation } from "./explanation.ts";
import { readEventsAbout } from "./read-events.ts";
import { TrackingError } from "./tracking-error.ts";

const MAX_LINES = 20;
type Candidate = Selectable<CandidateTable>;

export async function explainCandidate(store: StoreReader, id: string): Promise<Explanation> {
  const candidate = await store
    .selectFrom("candidates")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirst();
  if (candidate === undefined) throw new TrackingError(`expected a candidate, came '${id}'`);
  const subject = subjectOf.candidate(id);
  const training = candidate.train_run_id;
  return {
    subject,
    headline: describeCandidate(candidate),
    reason: candidate.reason,
    evidence: await describeSteps(store, candidate),
    before: await describeOrigin(store, candidate),
    after:
      candidate.version === null
        ? []
        : [`published as ${subjectOf.model(candidate.model, candidate.version)}`],
    events: await readEventsAbout(store, [subject], training === null ? [] : [training]),
  };
}

function describeCandidate({ model, stage, refused_by, version }: Candidate): string {
  const became =
    stage === "refused"
      ? `refused by ${refused_by ?? "a gate"}`
      : version === null
        ? stage
        : `${stage} as version ${version}`;
  return `candidate of model ${model}: ${became}`;
}

/** What every gate saw, in order. */
async function describeSteps(store: StoreReader, candidate: Candidate): Promise<readonly string[]> {
  const runs = await store
    .selectFrom("runs")
    .selectAll()
    .where("subject", "=", subjectOf.candidate(candidate.id))
    .orderBy("created_at_ms")
    .orderBy("id")
    .execute();
  const lines = runs.flatMap((run) => [
    `${run.kind} (run:${run.id}): ${run.reason}`,
    ...describeOutcome(run).map((line) => `  ${line}`),
  ]);
  if (runs.some(({ kind }) => kind === "evaluate") || candidate.evaluation_json === null) {
    return lines;
  }
  const evaluation = JSON.parse(candidate.evaluation_json) as EvaluateResult;
  return [...lines, ...describeEvaluation(evaluation)];
}

async function describeOrigin(
  store: StoreReader,
  candidate: Candidate,
): Promise<readonly string[]> {
  if (candidate.origin === "incoming") {
    return [`put into incoming/ by hand, sha256 ${candidate.source_sha256 ?? "unknown"}`];
  }
  const training = await store
    .selectFrom("runs")
    .selectAll()
    .where("id", "=", candidate.train_run_id ?? "")
    .executeTakeFirst();
  const data =
    candidate.dataset === null
      ? []
      : [`trained on dataset:${candidate.dataset}@${candidate.dataset_version}`];
  if (training === undefined) return data;
  return [
    ...data,
    `${describeRun(training)} (run:${training.id}): ${training.reason}`,
    ...describeOutcome(training).map((line) => `  ${line}`),
  ];
}

/** @param name `NAME@N` */
export async function explainVersion(store: StoreReader, name: string): Promise<Explanation> {
  const at = name.lastIndexOf("@");
  const [model, version] = [name.slice(0, at), Number(name.slice(at + 1))];
  const subject = subjectOf.model(model, version);
  const row = await store
    .selectFrom("candidates")
    .select(["id", "origin"])
    .where("model", "=", model)
    .where("version", "=", version)
    .executeTakeFirst();
  const candidate = row === undefined ? null : await explainCandidate(store, row.id);
  const subjects = [subject, ...(candidate === null ? [] : [candidate.subject])];
  return {
    subject,
    headline: `version ${version} of model ${model}${row === undefined ? ", published elsewhere" : ""}`,
    reason: candidate?.reason ?? "published: it passed every gate",
    evidence: candidate?.evidence ?? [],
    before: candidate === null ? [] : [candidate.subject, ...candidate.before],
    after: [
      ...describeWatch(row ?? null),
      ...(await describeWindows(store, model, version)),
      ...(await describeScored(store, model, version)),
      ...(await describeSuccessor(store, model, version)),
    ],
    events: await readEventsAbout(store, subjects),
  };
}

/** @param candidate null: published elsewhere */
function describeWatch(candidate: Pick<Candidate, "origin"> | null): readonly string[] {
  return candidate?.origin === "trained" ? [] : [NO_DRIFT_WATCH];
}

async function describeWindows(
  store: StoreReader,
  model: string,
  version: number,
): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("windows")
    .selectAll()
    .where("model", "=", model)
    .where("version", "=", version)
    .orderBy("number", "desc")
    .limit(MAX_LINES)
    .execute();
  return rows.reverse().map((row) => {
    const [first = "not looked at yet", ...more] = observationOf(row);
    const alert = more.find((line) => line.startsWith("alert"));
    return `window ${row.number} (${subjectOf.window(row.id)}): ${first}${alert === undefined ? "" : `; ${alert}`}`;
  });
}

function observationOf({ result_json }: Pick<WindowTable, "result_json">): readonly string[] {
  return result_json === null ? [] : describeWindow(JSON.parse(result_json) as WatchedWindow);
}

async function describeScored(
  store: StoreReader,
  model: string,
  version: number,
): Promise<readonly string[]> {
  const row = await store
    .selectFrom("scored")
    .select(({ fn }) => [fn.countAll<number>().as("count")])
    .where("model", "=", model)
    .where("version", "=", version)
    .where("into_batch_id", "is not", null)
    .executeTakeFirst();
  return row === undefined || row.count === 0 ? [] : [`scored ${row.count} batches`];
}

async function describeSuccessor(
  store: StoreReader,
  model: string,
  version: number,
): Promise<readonly string[]> {
  const row = await store
    .selectFrom("candidates")
    .select("version")
    .where("model", "=", model)
    .where("version", ">", version)
    .orderBy("version")
    .limit(1)
    .executeTakeFirst();
  return row?.version == null ? [] : [`followed by ${subjectOf.model(model, row.version)}`];
}

export async function explainModel(store: StoreReader, model: string): Promise<Explanation> {
  const candidates = await store
    .selectFrom("candidates")
    .selectAll()
    .where("model", "=", model)
    .orderBy("created_at_ms", "desc")
    .limit(MAX_LINES)
    .execute();
  const published = candidates.find(({ version }) => version !== null);
  const subjects = [model, ...(published === undefined ? [] : [`${model}@${published.version}`])];
  return {
    subject: subjectOf.model(model),
    headline:
      published === undefined
        ? `model ${model}: nothing published from here`
        : `model ${model}: last published version ${published.version}`,
    reason: null,
    evidence: candidates.map((each) => {
      const why = each.reason === null ? "" : `: ${each.reason}`;
      return `${subjectOf.candidate(each.id)} ${describeCandidate(each)}${why}`;
    }),
    before: [],
    after: [],
    events: await readEventsAbout(
      store,
      subjects.map((each) => `model:${each}`),
    ),
  };
}

export async function explainWindow(store: StoreReader, id: string): Promise<Explanation> {
  const row = await store.selectFrom("windows").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) throw new TrackingError(`expected a window, came '${id}'`);
  const captures = await store
    .selectFrom("captures")
    .select(["id", "rows"])
    .where("window_id", "=", id)
    .orderBy("first_at_ms")
    .limit(MAX_LINES)
    .execute();
  const subject = subjectOf.window(id);
  const version = subjectOf.model(row.model, row.version);
  const trained = await readEventsAbout(store, [subjectOf.model(row.model)]);
  const from = new Date(row.first_at_ms).toISOString();
  return {
    subject,
    headline: `window ${row.number} of ${version}: ${row.rows} rows, ${from} to ${new Date(row.last_at_ms).toISOString()}`,
    reason: null,
    evidence: observationOf(row),
    before: captures.map((each) => `${each.rows} rows of ${subjectOf.capture(each.id)}`),
    after: trained
      .filter(({ atMs, type }) => atMs >= row.created_at_ms && type.startsWith("train."))
      .slice(0, 1)
      .map(({ type, text }) => `then ${type}: ${text}`),
    events: await readEventsAbout(store, [subject], row.run_id === null ? [] : [row.run_id]),
  };
}
