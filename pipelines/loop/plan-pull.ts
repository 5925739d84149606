import type { Feed } from "../project/project.ts";
import { subjectOf } from "../store/subject.ts";
import type { FeedTable } from "../store/tables.ts";
import { isCronDue, isDue } from "./is-due.ts";
import { ASKED_FOR, type PlannedRun, type Withheld } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Snapshot } from "./snapshot.ts";

/** Batches waiting for their check beyond which a feed is not read further. */
const MAX_WAITING = 20;
/** What came after that one had looked at its source would not be in it. */
const AFTER_THE_ONE_BEFORE = `${ASKED_FOR}: it begins when the pull before it has ended`;

/** Which feeds are due, or asked for. */
export function planPulls(snapshot: Snapshot): (PlannedRun | Withheld)[] {
  const { project, feeds, active, askedPulls } = snapshot;
  const planned: (PlannedRun | Withheld)[] = [];
  for (const [name, feed] of Object.entries(project.project.feeds)) {
    const subject = subjectOf.feed(name);
    const nonce = askedPulls.get(name) ?? null;
    if (active.some((run) => run.kind === "pull" && run.subject === subject)) {
      if (nonce !== null) planned.push({ subject, reason: AFTER_THE_ONE_BEFORE });
      continue;
    }
    const state = feeds.get(name) ?? null;
    const held = explainHeld(snapshot, feed, state);
    if (held !== null) {
      planned.push({ subject, reason: held });
      continue;
    }
    const reason = nonce === null ? explainDue(feed, state, snapshot.nowMs) : ASKED_FOR;
    if (reason !== null) planned.push(pullOf(snapshot, name, feed, state, { reason, nonce }));
  }
  return planned;
}

function explainHeld(snapshot: Snapshot, feed: Feed, state: FeedTable | null): string | null {
  if (
    state !== null &&
    state.held !== null &&
    state.held_config_sha256 === snapshot.project.sha256
  ) {
    return `held until the project file changes: ${state.held}`;
  }
  const waiting = snapshot.datasets.get(feed.dataset)?.pulled.length ?? 0;
  return waiting < MAX_WAITING ? null : `${waiting} batches wait for their check`;
}

/** null: not yet. */
export function explainDue(feed: Feed, state: FeedTable | null, nowMs: number): string | null {
  const last = state?.last_pull_ms ?? null;
  if (state?.has_more === 1) return "more rows are waiting";
  if (feed.cron !== undefined) {
    if (last === null) return `first pull of cron '${feed.cron}'`;
    return isCronDue(feed.cron, last, nowMs) ? `cron '${feed.cron}'` : null;
  }
  if (feed.everySecs === undefined) return null;
  if (last === null) return `first pull, then every ${feed.everySecs} s`;
  return isDue(last, feed.everySecs * 1000, nowMs) ? `every ${feed.everySecs} s` : null;
}

function pullOf(
  { project, config }: Snapshot,
  name: string,
  feed: Feed,
  state: FeedTable | null,
  { reason, nonce }: { readonly reason: string; readonly nonce: string | null },
): PlannedRun {
  const spec = {
    feedName: name,
    feed,
    dataset: project.project.datasets[feed.dataset] ?? {},
    projectFolder: project.folder,
    hashKey: project.project.hashKey ?? null,
    state: { cursor: state?.cursor ?? null, seenFile: state?.seen_path ?? null },
    isContinued: state?.has_more === 1,
  };
  return {
    kind: "pull",
    subject: subjectOf.feed(name),
    // Asked for, it waits behind nothing: its key is new.
    key: runKey("pull", config.home, spec, state?.last_pull_ms ?? null, nonce),
    ...(nonce !== null && { nonce }),
    reason,
    spec,
    inputs: [subjectOf.source(name)],
  };
}
