import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { Coordinator } from "../loop/coordinator.ts";
import type { PipelinesConfig } from "../loop/pipelines-config.ts";
import { loadProject } from "../project/load-project.ts";
import { readAzureSecrets } from "../publish/azure-secrets.ts";
import { createStore } from "../publish/create-store.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { CandidateTable } from "../store/tables.ts";
import { readRunFacts } from "../tracking/read-run-facts.ts";
import { makeOrders } from "./orders.ts";

export const MODEL = "late-delivery";
const DAY_MS = 86_400_000;
const FIRST_DAY_MS = Date.UTC(2026, 0, 5);
const DAYS = 3;
const ROWS_A_DAY = 400;
const TRAINER = fileURLToPath(new URL("untrustworthy-trainer.js", import.meta.url));
/** Longer than a coordinator waits between two looks at incoming/. */
const TICK_MS = 3_000;
const REST_MS = 100;
/** For machines that are busy with other tests. */
const MAX_MS = 180_000;
const ignore = (): void => undefined;

/** A coordinator over a small project of orders, whose clock goes on with its rounds. */
export class CandidateWorld {
  readonly home: string;
  readonly repository: RepositoryStore;
  readonly store: Store;
  readonly #coordinator: Coordinator;
  readonly #projectFile: string;
  readonly #aheadMs: { value: number };

  private constructor(
    home: string,
    repository: RepositoryStore,
    store: Store,
    coordinator: Coordinator,
    aheadMs: { value: number },
  ) {
    this.home = home;
    this.repository = repository;
    this.store = store;
    this.#coordinator = coordinator;
    this.#projectFile = join(home, "sluice.yaml");
    this.#aheadMs = aheadMs;
  }

  /** @param location null: a folder in the home */
  static async create(
    location: string | null,
    secrets: Readonly<Record<string, string>>,
  ): Promise<CandidateWorld> {
    const home = mkdtempSync(join(tmpdir(), "sluice-candidates-"));
    writeDays(join(home, "days"));
    writeProject(home, null);
    const modelRepository = location ?? join(home, "models");
    const env = { PATH: process.env["PATH"], ...secrets };
    const store = await openStore(storePath(home));
    const project = loadProject(join(home, "sluice.yaml"));
    const repository = createStore(modelRepository, readAzureSecrets(env));
    const aheadMs = { value: 0 };
    const coordinator = new Coordinator({
      store,
      project,
      config: configOf(home, modelRepository),
      facts: await readRunFacts(project),
      repository,
      env,
      listener: { started: ignore, ended: ignore, withheld: ignore, warn: ignore },
      clock: () => Date.now() + aheadMs.value,
      pause: async () => undefined,
    });
    await coordinator.open();
    return new CandidateWorld(home, repository, store, coordinator, aheadMs);
  }

  /** Rounds until something is there. */
  async until<T>(what: string, look: () => Promise<T | null | undefined>): Promise<T> {
    const deadlineMs = Date.now() + MAX_MS;
    for (;;) {
      const found = await look();
      if (found !== null && found !== undefined) return found;
      if (Date.now() > deadlineMs) {
        throw new Error(`waited too long: ${what}; ${JSON.stringify(await this.#troubles())}`);
      }
      await this.round();
    }
  }

  #troubles() {
    return this.store
      .selectFrom("runs")
      .select(["kind", "status", "error"])
      .where((run) => run.or([run("error", "is not", null), run("status", "!=", "finished")]))
      .execute();
  }

  /** One look at everything, incoming/ included. */
  async round(): Promise<void> {
    this.#aheadMs.value += TICK_MS;
    await this.#coordinator.tick();
    await this.#coordinator.rest(REST_MS);
  }

  candidates(): Promise<CandidateTable[]> {
    return this.store.selectFrom("candidates").selectAll().orderBy("created_at_ms").execute();
  }

  /** The candidate that is new after `bring`, once its fate is known. */
  async fateOf(bring: () => Promise<void> | void): Promise<CandidateTable> {
    const before = new Set((await this.candidates()).map(({ id }) => id));
    await bring();
    return await this.until("a candidate's end", async () =>
      (await this.candidates()).find(
        ({ id, stage }) => !before.has(id) && (stage === "refused" || stage === "published"),
      ),
    );
  }

  /** As somebody's edit of sluice.yaml and `sluice run MODEL`. @param kind null: the built-in trainer */
  async trainBy(kind: "noise" | "mismatch" | null): Promise<void> {
    writeProject(this.home, kind);
    const project = loadProject(this.#projectFile);
    this.#coordinator.useProject(project, await readRunFacts(project));
    await this.#coordinator.ask(subjectOf.model(MODEL));
  }

  async close(): Promise<void> {
    await this.#coordinator.close();
    await this.store.destroy();
    rmSync(this.home, { recursive: true, force: true });
  }
}

function writeDays(folder: string): void {
  mkdirSync(folder);
  for (let day = 0; day < DAYS; day += 1) {
    const firstId = day * ROWS_A_DAY + 1;
    const fromMs = FIRST_DAY_MS + day * DAY_MS;
    const orders = makeOrders({ seed: day, firstId, count: ROWS_A_DAY, fromMs, regime: "usual" });
    const lines = orders.map((order) =>
      [
        order.id,
        order.placedAt.toISOString(),
        order.country ?? "",
        order.channel,
        order.weightKg ?? "",
        order.items,
        order.late,
      ].join(","),
    );
    const head = "order_id,placed_at,country,channel,weight_kg,items,late";
    const file = join(folder, `day-${day}.csv`);
    writeFileSync(file, `${[head, ...lines].join("\n")}\n`);
    // A file of this very second may still be growing: the feed would leave it for the next pull.
    utimesSync(file, FIRST_DAY_MS / 1000, FIRST_DAY_MS / 1000);
  }
}

function writeProject(home: string, trainer: string | null): void {
  const model = {
    dataset: "orders",
    target: "late",
    task: "binary",
    features: ["country", "channel", "weight_kg", "items"],
    minRows: DAYS * ROWS_A_DAY,
    trainer:
      trainer === null
        ? { kind: "gradientBoosting", trees: 60, learningRate: 0.15, maxLeaves: 8 }
        : { kind: "command", name: trainer },
  };
  const project = {
    schemaVersion: 1,
    project: "shop",
    feeds: {
      orders: {
        dataset: "orders",
        // Once: the clock here goes fast.
        everySecs: 30 * 86_400,
        connector: { kind: "files", path: "days/*.csv", format: "csv" },
      },
    },
    datasets: { orders: { time: "placed_at", key: ["order_id"] } },
    models: { [MODEL]: model },
  };
  writeFileSync(join(home, "sluice.yaml"), stringify(project));
}

function configOf(home: string, modelRepository: string): PipelinesConfig {
  return {
    home,
    modelRepository,
    host: "127.0.0.1",
    insecure: false,
    keysFile: null,
    redisUrl: null,
    logLevel: "silent",
    captureFolder: null,
    captureStream: null,
    projectFile: join(home, "sluice.yaml"),
    pipelinesPort: 0,
    pipelinesMetricsPort: 0,
    trainerCommands: ["noise", "mismatch"].map(
      (kind) => `${kind}=${process.execPath} ${TRAINER} ${kind}`,
    ),
    jobConcurrency: 2,
    jobTimeoutSecs: 60,
  };
}
