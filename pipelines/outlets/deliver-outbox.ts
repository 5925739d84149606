import type { Project } from "../project/project.ts";
import { readSecretRef } from "../project/read-secret.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { OutboxTable } from "../store/tables.ts";
import type { BatchRows } from "./batch-rows.ts";
import { catchUpOutbox, type WebhookOutlet } from "./enqueue-landed.ts";
import { encodeCursor } from "./feed-cursor.ts";
import { firstLine, noteProblem } from "./note-problem.ts";
import { readOutletState } from "./outlet-state.ts";
import { backoffMs } from "./retry-delay.ts";
import { type PostOutcome, postWebhook } from "./webhook.ts";
import { parseWebhookSecret } from "./webhook-signature.ts";

export interface DeliverOptions {
  readonly store: Store;
  readonly project: Project;
  readonly rows: BatchRows;
  /** For the secrets that the project names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectFolder: string;
  readonly nowMs: number;
  /** Ends waiting posts; they are made again later. */
  readonly signal: AbortSignal;
}

/** What a call did for one webhook. */
export interface Delivered {
  readonly outlet: string;
  readonly delivered: number;
  readonly retried: number;
  readonly dead: number;
  /**
   * Why its messages could not even be made, one line; null while it waits for its next try. Nothing
   * was counted against the receiver.
   */
  readonly problem: string | null;
}

/** Messages of one outlet in one call; the rest wait for the next. */
const MESSAGES_AT_ONCE = 100;
/** No other message is begun after this: outlets that are slow must not hold up the caller's round. */
const BEGIN_WITHIN_MS = 5_000;
const PAGE = 20;
/** What was delivered longer ago is forgotten; the events and the batches remain. */
const KEEP_DELIVERED_MS = 7 * 24 * 3600_000;

/**
 * Delivers what is due, each outlet in its own order and independent of the others: a message waits
 * for the one before it until that is delivered or dead. At least once: after a crash between the
 * post and its record the message goes again, under the same id. One caller at a time.
 */
export async function deliverDue(options: DeliverOptions): Promise<readonly Delivered[]> {
  const startedMs = performance.now();
  const clock = () => options.nowMs + Math.round(performance.now() - startedMs);
  await forgetDelivered(options.store, options.nowMs - KEEP_DELIVERED_MS);
  const outlets = Object.entries(options.project.outlets).flatMap(([name, config]) =>
    config.kind === "webhook" ? [{ name, config }] : [],
  );
  return Promise.all(
    outlets.map(({ name, config }) =>
      serveOutlet({
        ...options,
        clock,
        name,
        config,
        tally: { delivered: 0, retried: 0, dead: 0 },
      }),
    ),
  );
}

async function serveOutlet(work: OutletWork): Promise<Delivered> {
  const { store, name, config, nowMs, tally } = work;
  const { nextAtMs, failures } = await readOutletState(store, name, config.dataset);
  if (nextAtMs > nowMs) return { outlet: name, ...tally, problem: null };
  try {
    await deliverOutlet(work);
    if (failures > 0) await noteProblem(store, name, config.dataset, null, nowMs);
    return { outlet: name, ...tally, problem: null };
  } catch (error) {
    const problem = firstLine(error instanceof Error ? error.message : String(error));
    await noteProblem(store, name, config.dataset, problem, nowMs);
    return { outlet: name, ...tally, problem };
  }
}

async function forgetDelivered(store: Store, beforeMs: number): Promise<void> {
  // `next_at_ms` of a delivered message is when it was delivered; the index is on that.
  await store
    .deleteFrom("outbox")
    .where("status", "=", "delivered")
    .where("next_at_ms", "<", beforeMs)
    .execute();
}

interface OutletWork extends DeliverOptions {
  readonly clock: () => number;
  readonly name: string;
  readonly config: WebhookOutlet;
  readonly tally: { delivered: number; retried: number; dead: number };
}

async function deliverOutlet(work: OutletWork): Promise<void> {
  const { store, name, config, clock, signal } = work;
  await store.transaction().execute((tx) => catchUpOutbox(tx, name, config, clock()));
  for (let count = 0; count < MESSAGES_AT_ONCE; count += PAGE) {
    const page = await firstPending(store, name);
    for (const message of page) {
      if (signal.aborted || message.next_at_ms > clock()) return;
      if (clock() - work.nowMs > BEGIN_WITHIN_MS) return;
      const goesOn = await deliverMessage(work, message);
      if (!goesOn) return;
    }
    if (page.length < PAGE) return;
  }
}

/** In the order of landing, as every outlet. */
function firstPending(store: Store, outlet: string): Promise<readonly OutboxTable[]> {
  return store
    .selectFrom("outbox")
    .selectAll()
    .where("outlet", "=", outlet)
    .where("status", "=", "pending")
    .orderBy("batch_seq")
    .orderBy("first_row")
    .limit(PAGE)
    .execute();
}

/** @returns may the next message go? */
async function deliverMessage(work: OutletWork, message: OutboxTable): Promise<boolean> {
  const { config, clock, tally, signal } = work;
  const key = parseWebhookSecret(readSecretRef(config.secret, work.env, work.projectFolder));
  const body = await bodyOf(work, message);
  const outcome = await postWebhook(
    { id: message.id, url: config.url, key, body, timeoutMs: config.timeoutSecs * 1000 },
    clock(),
    signal,
  );
  if (outcome.kind === "stopped") return false;
  const settled = settle(message, outcome, config.maxAttempts, clock(), Math.random());
  await work.store.transaction().execute((tx) => record(tx, message, settled, clock()));
  if (settled.status === "delivered") tally.delivered += 1;
  else if (settled.status === "dead") tally.dead += 1;
  else tally.retried += 1;
  return settled.status !== "pending";
}

async function bodyOf(
  { store, rows, name, config }: OutletWork,
  message: OutboxTable,
): Promise<string> {
  const batch = await store
    .selectFrom("batches")
    .select(["path", "schema_json"])
    .where("id", "=", message.batch_id)
    .executeTakeFirst();
  if (batch === undefined) throw new Error(`batch ${message.batch_id} is not in the store`);
  const read = await rows.read(batch, message.first_row, message.rows);
  if (read.length < message.rows) {
    throw new Error(`batch ${message.batch_id} has fewer rows than it landed with`);
  }
  const position = { seq: message.batch_seq, row: message.first_row + message.rows };
  const cursor = encodeCursor(name, config.dataset, position);
  return JSON.stringify({ outlet: name, batch: message.batch_id, cursor, rows: read });
}

type Settled = Pick<
  OutboxTable,
  "status" | "attempts" | "next_at_ms" | "last_error" | "delivered_at_ms"
>;

function settle(
  message: OutboxTable,
  outcome: Exclude<PostOutcome, { kind: "stopped" }>,
  maxAttempts: number,
  nowMs: number,
  random: number,
): Settled {
  const attempts = message.attempts + 1;
  if (outcome.kind === "delivered") {
    return {
      status: "delivered",
      attempts,
      next_at_ms: nowMs,
      last_error: null,
      delivered_at_ms: nowMs,
    };
  }
  const failed = { attempts, last_error: outcome.reason, delivered_at_ms: null };
  if (outcome.kind === "gone" || attempts >= maxAttempts) {
    return { ...failed, status: "dead", next_at_ms: nowMs };
  }
  const waitMs = outcome.retryAfterMs ?? backoffMs(attempts, random);
  return { ...failed, status: "pending", next_at_ms: nowMs + waitMs };
}

async function record(
  tx: StoreTransaction,
  message: OutboxTable,
  settled: Settled,
  nowMs: number,
): Promise<void> {
  await tx.updateTable("outbox").set(settled).where("id", "=", message.id).execute();
  if (settled.status === "pending") return;
  const others = await tx
    .selectFrom("outbox")
    .select(["status", (each) => each.fn.countAll<number>().as("count")])
    .where("status", "in", ["pending", "dead"])
    .where("outlet", "=", message.outlet)
    .where("batch_seq", "=", message.batch_seq)
    .where("id", "<>", message.id)
    .groupBy("status")
    .execute();
  const countOf = (status: string) => others.find((each) => each.status === status)?.count ?? 0;
  const subject = subjectOf.outlet(message.outlet);
  const details = { batch: message.batch_id };
  if (settled.status === "dead") {
    // The first of its batch tells; the rest are in the dead letters.
    if (countOf("dead") > 0) return;
    const why = {
      ...details,
      message: message.id,
      attempts: settled.attempts,
      reason: settled.last_error,
    };
    await appendEvent(tx, { type: "outlet.failed", subject, runId: null, details: why }, nowMs);
  } else if (countOf("pending") + countOf("dead") === 0) {
    await appendEvent(tx, { type: "outlet.delivered", subject, runId: null, details }, nowMs);
  }
}
