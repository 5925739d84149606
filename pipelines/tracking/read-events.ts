import type { Selectable } from "kysely";
import type { StoreReader } from "../store/store.ts";
import type { EventTable } from "../store/tables.ts";
import type { ExplainedEvent } from "./explanation.ts";

const MAX_EVENTS = 50;

/** The last events about these subjects or of these runs, oldest first. */
export async function readEventsAbout(
  store: StoreReader,
  subjects: readonly string[],
  runIds: readonly string[] = [],
): Promise<readonly ExplainedEvent[]> {
  const rows = await store
    .selectFrom("events")
    .selectAll()
    .where((where) =>
      where.or([
        where("subject", "in", [...subjects, ""]),
        where("run_id", "in", [...runIds.slice(0, MAX_EVENTS), ""]),
      ]),
    )
    .orderBy("seq", "desc")
    .limit(MAX_EVENTS)
    .execute();
  return rows.reverse().map(explainEvent);
}

export function explainEvent(row: Selectable<EventTable>): ExplainedEvent {
  return {
    seq: row.seq,
    atMs: row.at_ms,
    type: row.type,
    subject: row.subject,
    runId: row.run_id,
    text: describeDetails(row.details_json),
  };
}

function describeDetails(json: string): string {
  const details = JSON.parse(json) as Readonly<Record<string, unknown>>;
  return Object.entries(details)
    .flatMap(([key, value]) => {
      const text = describeDetail(value);
      return text === null ? [] : [`${key}=${text}`];
    })
    .join(" ");
}

function describeDetail(value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === "string") return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return null;
    const isPlain = value.every((item) => typeof item !== "object");
    return isPlain ? value.map(String).join(",") : `(${value.length})`;
  }
  return typeof value === "object" ? null : String(value);
}
