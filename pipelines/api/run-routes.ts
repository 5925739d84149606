import type { FastifyInstance } from "fastify";
import type { Selectable } from "kysely";
import type { Store } from "../store/store.ts";
import type { RunStatus, RunTable } from "../store/tables.ts";
import { ApiError } from "./api-error.ts";
import type { ApiParts } from "./api-parts.ts";
import { assertKnown, integerOf, type Query, textOf } from "./query.ts";

const RUNS = { min: 1, max: 500, otherwise: 50 };
const EVENTS = { min: 1, max: 1000, otherwise: 100 };
const SEQ = { min: 0, max: Number.MAX_SAFE_INTEGER, otherwise: 0 };
const STATUSES: readonly RunStatus[] = ["queued", "running", "finished", "failed"];

/** What ran, and what happened. */
export function addRunRoutes(app: FastifyInstance, { store }: ApiParts): void {
  const config = { action: "read" } as const;
  app.get<{ Querystring: Query }>("/v1/runs", { config }, async ({ query }, reply) => {
    assertKnown(query, ["status", "kind", "subject", "limit", "before"]);
    return reply.send(await listRuns(store, query));
  });
  app.get<{ Params: { id: string }; Querystring: Query }>(
    "/v1/runs/:id",
    { config },
    async ({ params, query }, reply) => {
      assertKnown(query, []);
      return reply.send(await showRun(store, params.id));
    },
  );
  app.get<{ Querystring: Query }>("/v1/events", { config }, async ({ query }, reply) => {
    assertKnown(query, ["after", "limit"]);
    const after = integerOf(query, "after", SEQ);
    return reply.send(await listEvents(store, after, integerOf(query, "limit", EVENTS)));
  });
}

/** Newest first; `next` goes on as `before`, null at the end. */
async function listRuns(store: Store, query: Query) {
  const limit = integerOf(query, "limit", RUNS);
  const status = statusOf(textOf(query, "status"));
  const kind = textOf(query, "kind");
  const subject = textOf(query, "subject");
  const before = await pointOf(store, textOf(query, "before"));
  const rows = await store
    .selectFrom("runs")
    .selectAll()
    .$if(status !== null, (runs) => runs.where("status", "=", status as RunStatus))
    .$if(kind !== null, (runs) => runs.where("kind", "=", kind as string))
    .$if(subject !== null, (runs) => runs.where("subject", "=", subject as string))
    .$if(before !== null, (runs) =>
      runs.where(({ eb, refTuple, tuple }) =>
        eb(
          refTuple("created_at_ms", "id"),
          "<",
          tuple(before?.created_at_ms ?? 0, before?.id ?? ""),
        ),
      ),
    )
    .orderBy("created_at_ms", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  const next = rows.length === limit ? (rows.at(-1)?.id ?? null) : null;
  return { runs: rows.map(summarise), next };
}

function statusOf(text: string | null): RunStatus | null {
  const status = STATUSES.find((each) => each === text) ?? null;
  if (text === null || status !== null) return status;
  throw new ApiError(400, `query 'status' must be one of ${STATUSES.join(", ")}`);
}

async function pointOf(store: Store, id: string | null) {
  if (id === null) return null;
  const row = await store
    .selectFrom("runs")
    .select(["id", "created_at_ms"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new ApiError(400, "query 'before' must be the id of a run");
  return row;
}

function summarise(run: Selectable<RunTable>) {
  return {
    id: run.id,
    kind: run.kind,
    subject: run.subject,
    status: run.status,
    reason: run.reason,
    error: run.error,
    attempts: run.attempts,
    createdAt: isoOf(run.created_at_ms),
    startedAt: isoOf(run.started_at_ms),
    endedAt: isoOf(run.ended_at_ms),
  };
}

function isoOf(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}

async function showRun(store: Store, id: string) {
  const run = await store.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
  if (run === undefined) throw new ApiError(404, `no run '${id.slice(0, 64)}'`);
  const metrics = await store
    .selectFrom("run_metrics")
    .select(["key", "step", "value"])
    .where("run_id", "=", id)
    .orderBy("key")
    .orderBy("step")
    .execute();
  const edges = await store
    .selectFrom("edges")
    .select(["direction", "subject"])
    .where("run_id", "=", id)
    .orderBy("subject")
    .execute();
  const subjects = (direction: "in" | "out") =>
    edges.filter((edge) => edge.direction === direction).map(({ subject }) => subject);
  return {
    ...summarise(run),
    key: run.key,
    gitCommit: run.git_commit,
    gitDirty: run.git_dirty === null ? null : run.git_dirty === 1,
    lockfileSha256: run.lockfile_sha256,
    configSha256: run.config_sha256,
    params: JSON.parse(run.params_json) as unknown,
    result: run.result_json === null ? null : (JSON.parse(run.result_json) as unknown),
    metrics,
    inputs: subjects("in"),
    outputs: subjects("out"),
  };
}

/** Oldest first; `next` goes on as `after`. */
async function listEvents(store: Store, after: number, limit: number) {
  const rows = await store
    .selectFrom("events")
    .selectAll()
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit)
    .execute();
  const events = rows.map((event) => ({
    seq: event.seq,
    at: isoOf(event.at_ms),
    type: event.type,
    subject: event.subject,
    runId: event.run_id,
    details: JSON.parse(event.details_json) as unknown,
    hash: event.hash,
  }));
  return { events, next: rows.at(-1)?.seq ?? after };
}
