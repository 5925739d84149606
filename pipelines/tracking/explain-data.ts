import type { Problem } from "../quality/check-spec.ts";
import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { describeProblem, describeTreatments } from "./describe-result.ts";
import { describeRun } from "./explain-run.ts";
import type { Explanation } from "./explanation.ts";
import { readEventsAbout } from "./read-events.ts";
import { TrackingError } from "./tracking-error.ts";

const MAX_LINES = 20;

export async function explainBatch(store: StoreReader, id: string): Promise<Explanation> {
  const subject = subjectOf.batch(id);
  const batch = await store
    .selectFrom("batches")
    .selectAll()
    .where("id", "=", id)
    .executeTakeFirst();
  if (batch === undefined) throw new TrackingError(`expected a batch, came '${id}'`);
  const problems = JSON.parse(batch.problems_json ?? "[]") as Problem[];
  const contract =
    batch.checked_contract === null
      ? []
      : [`checked against contract version ${batch.checked_contract}`];
  const origin = await store
    .selectFrom("runs")
    .selectAll()
    .where("id", "=", batch.run_id)
    .executeTakeFirst();
  return {
    subject,
    headline: `batch of dataset ${batch.dataset}: ${batch.rows} rows, ${batch.status}`,
    reason: problems.length === 0 ? null : problems.map(describeProblem).join("; "),
    evidence: [
      ...contract,
      ...problems.map(describeProblem),
      ...describeTreatments(JSON.parse(batch.treatments_json) as Record<string, string>),
      `sha256 ${batch.sha256}`,
    ],
    before: [
      `came from ${batch.origin}`,
      ...(origin === undefined ? [] : [`${describeRun(origin)} (run:${origin.id})`]),
    ],
    after: [
      ...(await describeVersions(store, id)),
      ...(await describeScores(store, id)),
      ...(await describeDeliveries(store, id)),
    ],
    events: await readEventsAbout(store, [subject]),
  };
}

async function describeVersions(store: StoreReader, batch: string): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("dataset_versions")
    .select(["dataset", "version"])
    .where("batch_id", "=", batch)
    .execute();
  return rows.map(({ dataset, version }) => `in ${subjectOf.dataset(dataset, version)} and after`);
}

async function describeScores(store: StoreReader, batch: string): Promise<readonly string[]> {
  const rows = await store.selectFrom("scored").selectAll().where("batch_id", "=", batch).execute();
  return rows.map(({ model, version, into_batch_id, problem }) =>
    into_batch_id === null
      ? `not scored by ${subjectOf.model(model, version)}: ${problem}`
      : `scored by ${subjectOf.model(model, version)} into ${subjectOf.batch(into_batch_id)}`,
  );
}

async function describeDeliveries(store: StoreReader, batch: string): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("outbox")
    .select(["outlet", "status"])
    .select(({ fn }) => [fn.sum<number>("rows").as("rows")])
    .where("batch_id", "=", batch)
    .groupBy(["outlet", "status"])
    .orderBy("outlet")
    .execute();
  return rows.map(({ outlet, status, rows: count }) => `outlet ${outlet}: ${count} rows ${status}`);
}

/** @param name with or without `@N` */
export async function explainDataset(store: StoreReader, name: string): Promise<Explanation> {
  const [dataset = name, number] = name.split("@");
  const version = number === undefined ? null : Number(number);
  const latest = await store
    .selectFrom("dataset_versions")
    .selectAll()
    .where("dataset", "=", dataset)
    .where("version", "<=", version ?? Number.MAX_SAFE_INTEGER)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const headline =
    latest === undefined
      ? `dataset ${dataset}: nothing landed yet`
      : `dataset ${dataset} version ${latest.version}: ${latest.rows} rows`;
  const subjects = [
    subjectOf.dataset(dataset),
    ...(latest === undefined ? [] : [subjectOf.dataset(dataset, latest.version)]),
  ];
  return {
    subject: version === null ? subjectOf.dataset(dataset) : subjectOf.dataset(dataset, version),
    headline,
    reason: null,
    evidence: [
      ...(await describeContract(store, dataset)),
      ...(await describeQuarantined(store, dataset)),
    ],
    before: await describeBatches(store, dataset),
    after: await describeTrainings(store, dataset, version),
    events: await readEventsAbout(store, subjects),
  };
}

async function describeContract(store: StoreReader, dataset: string): Promise<readonly string[]> {
  const row = await store
    .selectFrom("contracts")
    .select(["version", "effective_json"])
    .where("dataset", "=", dataset)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return ["no contract yet"];
  const { columns } = JSON.parse(row.effective_json) as { columns: Record<string, unknown> };
  return [`contract version ${row.version} over ${Object.keys(columns).length} columns`];
}

async function describeQuarantined(store: StoreReader, dataset: string): Promise<string[]> {
  const rows = await store
    .selectFrom("batches")
    .select(["id", "problems_json"])
    .where("dataset", "=", dataset)
    .where("status", "=", "quarantined")
    .orderBy("seq", "desc")
    .limit(MAX_LINES)
    .execute();
  return rows.map(({ id, problems_json }) => {
    const problems = JSON.parse(problems_json ?? "[]") as Problem[];
    return `quarantined ${subjectOf.batch(id)}: ${problems.map(describeProblem).join("; ")}`;
  });
}

async function describeBatches(store: StoreReader, dataset: string): Promise<readonly string[]> {
  const rows = await store
    .selectFrom("batches")
    .select(["origin", "status"])
    .select(({ fn }) => [fn.countAll<number>().as("count"), fn.sum<number>("rows").as("rows")])
    .where("dataset", "=", dataset)
    .groupBy(["origin", "status"])
    .orderBy("origin")
    .orderBy("status")
    .execute();
  return rows.map(
    ({ origin, status, count, rows: sum }) =>
      `from ${origin}: ${count} batches ${status}, ${sum} rows`,
  );
}

async function describeTrainings(
  store: StoreReader,
  dataset: string,
  version: number | null,
): Promise<readonly string[]> {
  let query = store
    .selectFrom("candidates")
    .select(["id", "model", "stage", "dataset_version", "version"])
    .where("dataset", "=", dataset)
    .orderBy("created_at_ms", "desc")
    .limit(MAX_LINES);
  if (version !== null) query = query.where("dataset_version", "=", version);
  return (await query.execute()).map((row) => {
    const as = row.version === null ? "" : ` as ${subjectOf.model(row.model, row.version)}`;
    return `${subjectOf.candidate(row.id)} of model ${row.model} was trained on version ${row.dataset_version}: ${row.stage}${as}`;
  });
}

export async function explainFeed(store: StoreReader, name: string): Promise<Explanation> {
  const subject = subjectOf.feed(name);
  const feed = await store
    .selectFrom("feeds")
    .selectAll()
    .where("name", "=", name)
    .executeTakeFirst();
  const runs = await store
    .selectFrom("runs")
    .selectAll()
    .where("subject", "=", subject)
    .orderBy("created_at_ms", "desc")
    .limit(MAX_LINES)
    .execute();
  const held = feed?.held ?? null;
  const pulled =
    feed === undefined || feed.last_pull_ms === null
      ? "never pulled"
      : `last pulled ${new Date(feed.last_pull_ms).toISOString()}`;
  return {
    subject,
    headline: `feed ${name}: ${held === null ? pulled : `held, ${pulled}`}`,
    reason: held,
    evidence: feed?.has_more === 1 ? ["more rows are waiting"] : [],
    before: [],
    after: runs.map((run) => `${describeRun(run)} (run:${run.id}): ${run.reason}`),
    events: await readEventsAbout(store, [subject]),
  };
}
