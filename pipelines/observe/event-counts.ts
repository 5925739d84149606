import { EVENT_TYPES } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { LabelBound } from "./label-bound.ts";

export interface AlertCount {
  readonly model: string;
  readonly kind: string;
  readonly count: number;
}

export interface EventCounts {
  readonly byType: ReadonlyMap<string, number>;
  readonly alerts: readonly AlertCount[];
}

const PAGE = 5000;
const OTHER = "(other)";
const KNOWN_TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);

/** Counts the chain as it grows: a scrape reads only what came since the last one. */
export function createEventCounts(store: Store): { read(): Promise<EventCounts> } {
  const byType = new Map<string, number>();
  const alerts = new Map<string, AlertCount>();
  const models = new LabelBound();
  let seq = 0;
  let last: Promise<unknown> = Promise.resolve();

  const countAlert = (subject: string, detailsJson: string): void => {
    const model = models.of(modelOf(subject));
    const kind = kindOf(detailsJson);
    const key = JSON.stringify([model, kind]);
    alerts.set(key, { model, kind, count: (alerts.get(key)?.count ?? 0) + 1 });
  };
  const readPage = async (): Promise<boolean> => {
    const rows = await store
      .selectFrom("events")
      .select(["seq", "type", "subject"])
      .where("seq", ">", seq)
      .orderBy("seq")
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      const type = KNOWN_TYPES.has(row.type) ? row.type : OTHER;
      byType.set(type, (byType.get(type) ?? 0) + 1);
      if (row.type === "monitor.alert") countAlert(row.subject, await detailsOf(store, row.seq));
      seq = row.seq;
    }
    return rows.length === PAGE;
  };
  const readAll = async (): Promise<EventCounts> => {
    while (await readPage());
    return { byType, alerts: [...alerts.values()] };
  };
  return {
    read() {
      // Two collectors ask at once; events must be counted by one.
      const done = last.then(readAll);
      last = done.catch(() => null);
      return done;
    },
  };
}

async function detailsOf(store: Store, seq: number): Promise<string> {
  const row = await store
    .selectFrom("events")
    .select("details_json")
    .where("seq", "=", seq)
    .executeTakeFirst();
  return row?.details_json ?? "{}";
}

/** `model:NAME@VERSION` */
function modelOf(subject: string): string {
  return subject.replace(/^model:/, "").replace(/@[0-9]+$/, "");
}

function kindOf(detailsJson: string): string {
  const details = JSON.parse(detailsJson) as { readonly kind?: unknown };
  return details.kind === "drift" || details.kind === "degradation" ? details.kind : OTHER;
}
