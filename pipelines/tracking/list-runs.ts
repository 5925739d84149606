import type { StoreReader } from "../store/store.ts";
import type { RunStatus } from "../store/tables.ts";

export interface RunFilter {
  readonly kind: string | null;
  /** As in store/subject.ts; `model:churn` takes its versions too. */
  readonly subject: string | null;
  readonly status: RunStatus | null;
  readonly limit: number;
}

/** One line of a list. Times are epoch milliseconds. */
export interface RunLine {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly status: RunStatus;
  readonly reason: string;
  readonly error: string | null;
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

/** Newest first. */
export async function listRuns(store: StoreReader, filter: RunFilter): Promise<readonly RunLine[]> {
  const { kind, subject, status, limit } = filter;
  let query = store
    .selectFrom("runs")
    .select(["id", "kind", "subject", "status", "reason", "error", "attempts"])
    .select([
      "created_at_ms as createdAtMs",
      "started_at_ms as startedAtMs",
      "ended_at_ms as endedAtMs",
    ])
    .orderBy("created_at_ms", "desc")
    .orderBy("id", "desc")
    .limit(limit);
  if (kind !== null) query = query.where("kind", "=", kind);
  if (status !== null) query = query.where("status", "=", status);
  if (subject !== null) {
    // A range, not LIKE: a name may hold `_`. "A" is the character after "@".
    query = query.where((where) =>
      where.or([
        where("subject", "=", subject),
        where.and([where("subject", ">", `${subject}@`), where("subject", "<", `${subject}A`)]),
      ]),
    );
  }
  return query.execute();
}
