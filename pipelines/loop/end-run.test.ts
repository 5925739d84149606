import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { PulledBatch } from "../feeds/pull-spec.ts";
import type { JobKind } from "../jobs/job.ts";
import type { JobEnd } from "../jobs/start-job.ts";
import type { RunTable } from "../store/tables.ts";
import { endRun, retryWaitMs } from "./end-run.ts";
import { dueRuns, enqueue, markStarted, requeue } from "./run-queue.ts";
import { FEED, makeCandidate } from "./testing/make-snapshot.ts";
import {
  FACTS,
  loadedProject,
  openStoreHome,
  plannedRun,
  type StoreHome,
} from "./testing/store-kit.ts";

const NOW_MS = 1_000_000;
const LOST = { outcome: "lost", message: "killed by SIGKILL" } as const;
const AWAY = { outcome: "failed", message: "it is away", isTransient: true } as const;
const WRONG = { outcome: "failed", message: "it is wrong", isTransient: false } as const;
const EMPTY_PULL = {
  outcome: "result",
  result: {
    outcome: "empty",
    batch: null,
    state: { cursor: "7", seenFile: null },
    hasMore: false,
    problems: [],
    refusedFiles: [],
  },
} as unknown as JobEnd<JobKind>;

describe("the wait for the next attempt", () => {
  const waits = (subject: string, end: typeof LOST | typeof AWAY | typeof WRONG) =>
    [1, 2, 3, 5, 6, 50].map((attempt) => {
      const before = attempt - 1;
      const tally =
        end.outcome === "lost"
          ? { lost_attempts: before, transient_attempts: 0 }
          : { lost_attempts: 0, transient_attempts: before };
      return retryWaitMs({ kind: "pull", subject, ...tally }, end);
    });

  it("doubles, for a lost job at most twice", () => {
    assert.deepEqual(waits("feed:f", LOST), [2000, 4000, null, null, null, null]);
  });

  it("doubles for what passes, five times", () => {
    assert.deepEqual(waits("feed:f", AWAY), [2000, 4000, 8000, 32_000, null, null]);
  });

  it("never ends for a candidate while another side is away", () => {
    assert.deepEqual(waits("candidate:c", AWAY), [2000, 4000, 8000, 32_000, 64_000, 300_000]);
    assert.deepEqual(waits("candidate:c", LOST).slice(2), [null, null, null, null]);
  });

  it("is none for what will not pass", () => {
    assert.deepEqual(waits("candidate:c", WRONG), [null, null, null, null, null, null]);
  });
});

describe("the end of an attempt", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const end = (run: RunTable, how: JobEnd<JobKind>) =>
    endRun({ ...at, project: loadedProject(), nowMs: NOW_MS }, run, how, []);

  async function started(change: Parameters<typeof plannedRun>[1]): Promise<RunTable> {
    await enqueue(at.store, [plannedRun("k", change)], FACTS, NOW_MS);
    return await startAgain();
  }

  async function startAgain(): Promise<RunTable> {
    const [run] = await dueRuns(at.store, 1, NOW_MS + 1e9);
    assert.ok(run !== undefined);
    await markStarted(at.store, run, at.home, "me", NOW_MS);
    return await at.run(run.id);
  }

  const pull = (): Promise<RunTable> => {
    const state = { cursor: null, seenFile: null };
    const spec = { feedName: "orders", feed: FEED, state };
    return started({ kind: "pull", subject: "feed:orders", spec } as never);
  };

  it("takes up a result once", async () => {
    const run = await pull();
    assert.deepEqual(await end(run, EMPTY_PULL), { status: "finished" });
    assert.deepEqual(await end(run, EMPTY_PULL), { status: "finished" });
    const feeds = await at.store.selectFrom("feeds").select("cursor").execute();
    assert.deepEqual(feeds, [{ cursor: "7" }]);
  });

  it("knows no end of an attempt that is over", async () => {
    const first = await pull();
    assert.equal((await end(first, LOST)).status, "again");
    const second = await startAgain();
    await end(first, EMPTY_PULL);
    await end(first, WRONG);
    await end(first, LOST);
    const { status, attempts } = await at.run(first.id);
    assert.deepEqual([status, attempts], ["running", 2]);
    assert.deepEqual(await at.events(), []);
    await end(second, EMPTY_PULL);
    await end(second, WRONG);
    assert.equal((await at.run(first.id)).status, "finished");
  });

  it("changes nothing when a result cannot be taken up, and says so", async () => {
    const run = await pull();
    const batch = { file: "gone.parquet", schema: [], treatments: [] } as unknown as PulledBatch;
    const { result } = EMPTY_PULL as unknown as { result: object };
    const broken = { outcome: "result", result: { ...result, outcome: "pulled", batch } };
    const outcome = await end(run, broken as never);
    assert.equal(outcome.status, "failed");
    assert.match(
      outcome.status === "failed" ? outcome.message : "",
      /^its result could not be taken up: unforeseen \(Error, ENOENT at take-file/,
    );
    assert.deepEqual(await at.store.selectFrom("batches").selectAll().execute(), []);
    assert.deepEqual(await at.store.selectFrom("feeds").selectAll().execute(), []);
    assert.deepEqual(await at.events(), ["run.failed"]);
  });

  it("holds neither stops nor what passes against a run", async () => {
    let run = await started({});
    const stopOrWait: (() => Promise<unknown>)[] = [
      ...[1, 2, 3, 4].map(() => () => requeue(at.store, run, "stopped", 0)),
      ...[1, 2, 3, 4].map(() => () => end(run, AWAY)),
      () => end(run, LOST),
      () => end(run, LOST),
    ];
    for (const endIt of stopOrWait) {
      await endIt();
      run = await startAgain();
    }
    assert.deepEqual([run.attempts, run.lost_attempts, run.transient_attempts], [11, 2, 4]);
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ id: "c" }))
      .execute();
    assert.equal((await end(run, LOST)).status, "failed");
  });

  it("refuses the candidate of a step that failed for good, and not of one that waits", async () => {
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ id: "c" }))
      .execute();
    const stage = async () =>
      (await at.store.selectFrom("candidates").select("stage").executeTakeFirstOrThrow()).stage;
    const before = await stage();
    const run = await started({});
    assert.equal((await end(run, AWAY)).status, "again");
    assert.equal(await stage(), before);
    assert.equal((await end(await startAgain(), WRONG)).status, "failed");
    assert.equal(await stage(), "refused");
    assert.deepEqual(await at.events(), ["run.failed", "gate.failed"]);
  });
});
