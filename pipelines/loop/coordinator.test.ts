import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { scaleModel } from "../../server/testing/tiny-models.ts";
import { NO_DRIFT_WATCH } from "../monitors/no-drift-watch.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { publishModel } from "../publish/publish.ts";
import { readAsks } from "../store/asks.ts";
import type { RunTable } from "../store/tables.ts";
import { Coordinator } from "./coordinator.ts";
import { dueRuns, enqueue, markStarted } from "./run-queue.ts";
import { makeCandidate, makeSnapshot } from "./testing/make-snapshot.ts";
import {
  FACTS,
  loadedProject,
  openStoreHome,
  plannedRun,
  type StoreHome,
} from "./testing/store-kit.ts";

const ignore = (): void => undefined;

describe("the coordinator", () => {
  let at: StoreHome;
  let told: string[] = [];
  beforeEach(async () => {
    at = await openStoreHome();
    told = [];
  });
  afterEach(() => at.close());

  function create(project: LoadedProject = loadedProject({ feeds: {} })): Coordinator {
    return new Coordinator({
      store: at.store,
      project,
      config: { ...makeSnapshot().config, home: at.home, captureFolder: null, jobConcurrency: 0 },
      facts: FACTS,
      repository: new DirectoryStore(join(at.home, "models")),
      env: {},
      listener: {
        started: ignore,
        ended: (run, outcome) => void told.push(`${run.kind} ${outcome.status}`),
        withheld: ({ subject, reason }) => void told.push(`${subject}: ${reason}`),
        warn: (message) => void told.push(message),
      },
      clock: Date.now,
      pause: async () => undefined,
    });
  }

  it("does not hold its predecessor's end against a run", async () => {
    await enqueue(at.store, [plannedRun("k")], FACTS, 0);
    const [run] = await dueRuns(at.store, 1, 0);
    assert.ok(run !== undefined);
    const folder = join(at.home, "runs", run.id, "1");
    mkdirSync(folder, { recursive: true });
    await markStarted(at.store, run, folder, "gone", 0);
    const coordinator = create();
    await coordinator.open();
    const { status, attempts, lost_attempts, error } = await at.run(run.id);
    assert.deepEqual([status, attempts, lost_attempts], ["queued", 1, 0]);
    assert.equal(error, "its coordinator ended");
    assert.deepEqual(told, ["vet again"]);
    await coordinator.close();
  });

  async function startedRun(): Promise<RunTable> {
    const [run] = await dueRuns(at.store, 1, Date.now());
    assert.ok(run !== undefined);
    const folder = join(at.home, "runs", run.id, String(run.attempts + 1));
    mkdirSync(folder, { recursive: true });
    await markStarted(at.store, run, folder, "gone", 0);
    return run;
  }
  const restart = async (): Promise<void> => {
    const coordinator = create();
    await coordinator.open();
    await coordinator.close();
  };

  it("gives a run up that ended five coordinators, and says so", async () => {
    await at.store
      .insertInto("candidates")
      .values(makeCandidate({ id: "c" }))
      .execute();
    await enqueue(at.store, [plannedRun("k")], FACTS, 0);
    for (let count = 1; count <= 4; count += 1) {
      const { id } = await startedRun();
      await restart();
      const { status, interrupted_attempts } = await at.run(id);
      assert.deepEqual([status, interrupted_attempts], ["queued", count]);
    }
    const { id } = await startedRun();
    await restart();
    const { status, error } = await at.run(id);
    assert.deepEqual(
      [status, error],
      ["failed", "its coordinator ended 5 times while it ran or was taken up"],
    );
    assert.deepEqual(await at.events(), ["run.failed", "gate.failed"]);
    assert.deepEqual(told.at(-1), "vet failed");
  });

  it("counts its predecessor's end before it takes the run up", async () => {
    await enqueue(at.store, [plannedRun("k")], FACTS, 0);
    const { id } = await startedRun();
    const whole = at.store;
    const broken = whole.withPlugin({
      transformQuery({ node }) {
        if (JSON.stringify(node).includes('"queued"')) throw new Error("killed");
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    at = { ...at, store: broken };
    await assert.rejects(create().open(), /killed/);
    at = { ...at, store: whole };
    const { status, interrupted_attempts } = await at.run(id);
    assert.deepEqual([status, interrupted_attempts], ["running", 1]);
  });

  it("refuses a candidate whose model left the project, and is idle after that", async () => {
    const candidate = makeCandidate({ id: "c", model: "gone" });
    await at.store.insertInto("candidates").values(candidate).execute();
    const coordinator = create();
    await coordinator.open();
    assert.deepEqual(await coordinator.tick(), { isIdle: false });
    assert.deepEqual(await coordinator.tick(), { isIdle: true });
    const row = await at.store.selectFrom("candidates").selectAll().executeTakeFirstOrThrow();
    assert.deepEqual([row.stage, row.refused_by], ["refused", "project"]);
    assert.deepEqual(await at.events(), ["gate.failed"]);
    assert.deepEqual(told, ["candidate:c was refused: model 'gone' left the project"]);
    await coordinator.close();
  });

  it("keeps what was asked for over a restart, until its run is queued", async () => {
    const project = loadedProject({ models: {} });
    const first = create(project);
    await first.open();
    await first.ask("feed:orders");
    await first.close();
    const second = create(project);
    await second.open();
    await second.tick();
    const runs = await at.store.selectFrom("runs").select(["subject", "reason"]).execute();
    assert.deepEqual(runs, [{ subject: "feed:orders", reason: "asked for" }]);
    assert.equal((await readAsks(at.store)).size, 0);
    await second.close();
  });

  it("says once that a version's drift is not watched, and makes no training of that", async () => {
    await publishModel({
      store: new DirectoryStore(join(at.home, "models")),
      modelName: "delay",
      modelBytes: scaleModel(1),
      goldenBytes: null,
      alias: "champion",
      breaking: false,
      lineage: {},
      pause: async () => undefined,
    });
    const coordinator = create();
    await coordinator.open();
    await coordinator.tick();
    await coordinator.tick();
    await coordinator.close();
    assert.deepEqual(told, [`model:delay@1: ${NO_DRIFT_WATCH}`]);
    assert.deepEqual(await at.events(), []);
  });

  it("leaves another project's home alone, free for who owns it", async () => {
    const owner = create();
    await owner.open();
    await owner.close();
    const other = create(loadedProject({ project: "bank", feeds: {} }));
    await assert.rejects(other.open(), { name: "IdentityError" });
    await owner.open();
    await owner.close();
  });
});
