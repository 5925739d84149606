import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Selectable } from "kysely";
import { verifyEvents } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { storePath } from "../store/store.ts";
import type { EventTable } from "../store/tables.ts";
import { explainEvent } from "../tracking/read-events.ts";
import type { CommandIo } from "./command-io.ts";
import { describeEvent } from "./explain.ts";
import { withStore } from "./with-store.ts";

export interface EventsArgs {
  readonly home: string;
  /** The last so many. */
  readonly limit: number;
  /** One JSON object a line. */
  readonly isJson: boolean;
  /** Goes on with what comes, until `signal`. */
  readonly isFollowing: boolean;
  readonly signal: AbortSignal;
}

const LOOK_MS = 500;
const PAGE = 500;

/** `sluice events`: the event log, oldest first. */
export async function eventsCommand(args: EventsArgs, io: CommandIo): Promise<number> {
  return withStore(args.home, async (store) => {
    const last = await readLast(store, args.limit);
    write(last, args, io);
    let seq = last.at(-1)?.seq ?? 0;
    while (args.isFollowing && !args.signal.aborted) {
      const more = await readAfter(store, seq);
      write(more, args, io);
      seq = more.at(-1)?.seq ?? seq;
      if (more.length === PAGE) continue;
      await delay(LOOK_MS, null, { signal: args.signal }).catch(() => null);
    }
    return 0;
  });
}

type EventRow = Selectable<EventTable>;

async function readLast(store: Store, limit: number): Promise<readonly EventRow[]> {
  const rows = await store
    .selectFrom("events")
    .selectAll()
    .orderBy("seq", "desc")
    .limit(limit)
    .execute();
  return rows.reverse();
}

async function readAfter(store: Store, seq: number): Promise<readonly EventRow[]> {
  return store
    .selectFrom("events")
    .selectAll()
    .where("seq", ">", seq)
    .orderBy("seq")
    .limit(PAGE)
    .execute();
}

function write(rows: readonly EventRow[], { isJson }: EventsArgs, io: CommandIo): void {
  for (const row of rows) {
    io.stdout.write(`${isJson ? eventJson(row) : describeEvent(explainEvent(row))}\n`);
  }
}

function eventJson(row: EventRow): string {
  const { seq, at_ms: atMs, type, subject, run_id: runId, hash } = row;
  const details = JSON.parse(row.details_json) as unknown;
  return JSON.stringify({ seq, atMs, type, subject, runId, details, hash });
}

/**
 * The event log's part of `sluice audit verify`: exit code 1 where the chain is broken, null where
 * there is no store.
 */
export async function verifyEventsCommand(home: string, io: CommandIo): Promise<number | null> {
  if (!existsSync(storePath(home))) return null;
  return withStore(home, async (store) => {
    const verdict = await verifyEvents(store);
    if ("problem" in verdict) {
      io.stderr.write(`sluice: ${storePath(home)}: ${verdict.problem}\n`);
      return 1;
    }
    io.stdout.write(`OK: ${verdict.count} events\n`);
    return 0;
  });
}
