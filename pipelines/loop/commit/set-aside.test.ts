import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { JobKind } from "../../jobs/job.ts";
import type { JobEnd } from "../../jobs/start-job.ts";
import type { LoadedProject } from "../../project/loaded-project.ts";
import type { RunTable } from "../../store/tables.ts";
import { endRun } from "../end-run.ts";
import { plan } from "../plan.ts";
import { readSnapshot } from "../read-snapshot.ts";
import { dueRuns, enqueue, markStarted } from "../run-queue.ts";
import { MODEL, makeBatch, makeCandidate, makeSnapshot } from "../testing/make-snapshot.ts";
import { FACTS, loadedProject, openStoreHome, type StoreHome } from "../testing/store-kit.ts";

const HOUR_MS = 3_600_000;
const WRONG = { outcome: "failed", message: "it is wrong", isTransient: false } as const;
const AWAY = { outcome: "failed", message: "no room", isTransient: true } as const;
const PREDICTIONS = {
  outcome: "result",
  result: {
    batch: {
      file: "p.parquet",
      sha256: "s",
      bytes: 1,
      rows: 100,
      isPartial: false,
      schema: [],
      treatments: {},
    },
  },
} as unknown as JobEnd<JobKind>;

const WITH_SCORE = loadedProject({ models: { delay: { ...MODEL, score: { into: "p" } } } });
const WITHOUT_SCORE = loadedProject();

let at: StoreHome;
let nowMs = 0;

interface RoundOptions {
  readonly project?: LoadedProject;
  readonly version?: number;
  readonly projectAtEnd?: LoadedProject;
  readonly deadly?: Pick<RunTable, "interrupted_attempts">;
}

/** An hour passes; what is due of one kind runs to the end given. Returns batches of what ran. */
async function round(
  kind: JobKind,
  endOf: (batches: readonly string[]) => JobEnd<JobKind>,
  { project = WITH_SCORE, version = 1, projectAtEnd, deadly }: RoundOptions = {},
): Promise<string[]> {
  nowMs += HOUR_MS;
  const champion = { version, modelPath: "/m", manifestPath: "/m" };
  const snapshot = await readSnapshot({
    store: at.store,
    project,
    config: { ...makeSnapshot().config, home: at.home },
    champions: new Map([["delay", champion]]),
    hasIndex: true,
    captureFiles: [],
    nowMs,
  });
  const runs = plan(snapshot).runs.filter((run) => run.kind === kind);
  await enqueue(at.store, runs, FACTS, nowMs);
  const [run] = await dueRuns(at.store, 1, nowMs);
  if (run === undefined) return [];
  if (deadly !== undefined) await at.store.updateTable("runs").set(deadly).execute();
  const batches = batchesOf(run);
  await finish(run, endOf(batches), projectAtEnd ?? project);
  return batches;
}

function batchesOf({ kind, spec_json }: RunTable): string[] {
  const spec = JSON.parse(spec_json);
  if (kind === "check") return [spec.batch.id];
  return spec.files.map(({ batchId }: { batchId: string }) => batchId);
}

async function finish(run: RunTable, end: JobEnd<JobKind>, project: LoadedProject): Promise<void> {
  const folder = join(at.home, run.id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "p.parquet"), run.id);
  await markStarted(at.store, run, folder, "me", nowMs);
  await endRun({ ...at, project, nowMs }, await at.run(run.id), end, []);
}

const scored = () =>
  at.store
    .selectFrom("scored")
    .select(["batch_id", "version", "into_batch_id", "problem"])
    .orderBy("batch_id")
    .execute();

async function addBatches(status: "pulled" | "landed", ids: readonly string[]): Promise<void> {
  const rows = ids.map((id, index) => makeBatch(id, { status, seq: index + 1 }));
  await at.store.insertInto("batches").values(rows).execute();
}

beforeEach(async () => {
  at = await openStoreHome();
  nowMs = 0;
});
afterEach(() => at.close());

describe("a batch whose check fails", () => {
  const wrong = () => WRONG;

  it("is quarantined after the third time, with why, and the next one is checked", async () => {
    await addBatches("pulled", ["a", "b"]);
    assert.deepEqual(await round("check", wrong), ["a"]);
    assert.deepEqual(await round("check", wrong), ["a"]);
    assert.deepEqual(await round("check", wrong), ["a"]);
    const [a, b] = await at.store.selectFrom("batches").selectAll().orderBy("seq").execute();
    assert.deepEqual([a?.status, b?.status], ["quarantined", "pulled"]);
    const [problem] = JSON.parse(a?.problems_json ?? "");
    assert.deepEqual(
      [problem.rule, problem.found],
      ["check", "3 checks failed, the last: it is wrong"],
    );
    assert.equal((await at.events()).at(-1), "batch.quarantined");
    assert.deepEqual(await round("check", wrong), ["b"]);
  });

  it("is quarantined at once when it ended coordinator after coordinator", async () => {
    await addBatches("pulled", ["a"]);
    const deadly = { interrupted_attempts: 5 };
    await round("check", wrong, { deadly });
    const batch = await at.store.selectFrom("batches").select("status").executeTakeFirst();
    assert.equal(batch?.status, "quarantined");
  });

  it("is checked again under other rules", async () => {
    await addBatches("pulled", ["a"]);
    for (let count = 0; count < 3; count += 1) await round("check", wrong);
    assert.deepEqual(await round("check", wrong), []);
    const datasets = { orders: { contract: { inferFrom: 3, level: "warn" as const } } };
    assert.deepEqual(await round("check", wrong, { project: loadedProject({ datasets }) }), ["a"]);
  });

  it("waits as long as there is no room: that is no fault of it", async () => {
    await addBatches("pulled", ["a"]);
    for (let count = 0; count < 10; count += 1) {
      assert.deepEqual(await round("check", () => AWAY), ["a"]);
    }
    const runs = await at.store.selectFrom("runs").select("status").execute();
    assert.deepEqual(runs, [{ status: "queued" }]);
  });
});

describe("a batch that cannot be scored", () => {
  const poisoned = (batches: readonly string[]) => (batches.includes("b") ? WRONG : PREDICTIONS);
  beforeEach(async () => {
    await addBatches("landed", ["a", "b", "c"]);
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ stage: "published", version: 1, dataset_version: null }))
      .execute();
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ id: "t2", stage: "published", version: 2, dataset_version: null }))
      .execute();
  });

  it("is skipped; those before and behind it are scored", async () => {
    const rounds = [];
    for (let count = 0; count < 6; count += 1) rounds.push(await round("score", poisoned));
    assert.deepEqual(rounds, [["a", "b", "c"], ["a"], ["b"], ["b"], ["c"], []]);
    const rows = await scored();
    assert.deepEqual(
      rows.map(({ into_batch_id }) => into_batch_id === null),
      [false, true, false],
    );
    assert.equal(rows[1]?.problem, "2 score jobs failed, the last: it is wrong");
    assert.ok((await at.events()).includes("predictions.skipped"));
  });

  it("is tried again by the next version", async () => {
    for (let count = 0; count < 5; count += 1) await round("score", poisoned);
    assert.deepEqual(await round("score", () => PREDICTIONS, { version: 2 }), ["b"]);
    const { version, into_batch_id, problem } = (await scored())[1] ?? {};
    assert.deepEqual([version, into_batch_id === null, problem], [2, false, null]);
    assert.deepEqual(await round("score", poisoned, { version: 2 }), []);
  });

  it("is scored yet when the project stopped asking while a job ran, and asks again", async () => {
    const good = () => PREDICTIONS;
    await round("score", good, { projectAtEnd: WITHOUT_SCORE });
    assert.deepEqual(await scored(), []);
    for (let count = 0; count < 3; count += 1) await round("score", good);
    assert.deepEqual(
      (await scored()).map(({ batch_id, into_batch_id }) => [batch_id, into_batch_id === null]),
      [
        ["a", false],
        ["b", false],
        ["c", false],
      ],
    );
  });
});
