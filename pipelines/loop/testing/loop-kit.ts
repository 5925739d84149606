import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ReceivedMessage,
  startWebhookReceiver,
  type WebhookReceiver,
} from "../../outlets/testing/webhook-receiver.ts";
import { openStore, type Store, storePath } from "../../store/store.ts";
import {
  captureFile,
  captureText,
  dayFile,
  dayText,
  projectText,
  putFile,
  ROWS_A_CAPTURE,
  ROWS_A_DAY,
  TRAINING_DAYS,
  WEBHOOK_SECRET,
} from "./loop-data.ts";
import { attemptFolders, LoopProcess, until } from "./loop-process.ts";

export interface StartOptions {
  /** Point at which the coordinator or a job stops: `written`, `started:2`. */
  readonly pause?: string;
  readonly args?: readonly string[];
  /** Program and arguments before it. */
  readonly wrapper?: readonly string[];
}

/** What a settled world holds, by what was put into it. */
export interface Expected {
  readonly landedRows: number;
  readonly publishedModels: number;
  readonly predictedRows: number;
  readonly capturedRows: number;
  readonly windows: number;
}

interface SavedState {
  readonly days: number;
  readonly captures: number;
  readonly received: readonly ReceivedMessage[];
}

/**
 * A home with a project, feeds and outlets in a folder of its own, and `sluice pipelines` over it as
 * a process that can be killed. `save` and `restore` keep states of the whole.
 */
export class LoopWorld {
  readonly receiver: WebhookReceiver;
  readonly #root: string;
  readonly #processes = new Set<LoopProcess>();
  #days = 0;
  #captures = 0;
  readonly #saved = new Map<string, SavedState>();

  private constructor(root: string, receiver: WebhookReceiver) {
    this.#root = root;
    this.receiver = receiver;
  }

  static async create(more = ""): Promise<LoopWorld> {
    const receiver = await startWebhookReceiver();
    const world = new LoopWorld(mkdtempSync(join(tmpdir(), "sluice-loop-")), receiver);
    world.writeProject(more);
    return world;
  }

  get folder(): string {
    return join(this.#root, "live");
  }

  get home(): string {
    return join(this.folder, "home");
  }

  get repository(): string {
    return join(this.home, "models");
  }

  writeProject(more: string): void {
    putFile(this.folder, "sluice.yaml", projectText({ webhookUrl: this.receiver.url, more }));
  }

  addDays(count: number): void {
    for (let added = 0; added < count; added += 1) {
      this.#days += 1;
      putFile(join(this.folder, "days"), dayFile(this.#days), dayText(this.#days));
    }
  }

  addCapture(): void {
    this.#captures += 1;
    putFile(join(this.folder, "capture"), captureFile(this.#captures), captureText(this.#captures));
  }

  get expected(): Expected {
    return {
      landedRows: this.#days * ROWS_A_DAY,
      publishedModels: this.#days >= TRAINING_DAYS ? 1 : 0,
      predictedRows: Math.max(0, this.#days - TRAINING_DAYS) * ROWS_A_DAY,
      capturedRows: this.#captures * ROWS_A_CAPTURE,
      windows: this.#captures,
    };
  }

  start({ pause, args = [], wrapper = [] }: StartOptions = {}): LoopProcess {
    const process = new LoopProcess(
      [
        "pipelines",
        ...["--home", this.home],
        ...["--project-file", join(this.folder, "sluice.yaml")],
        ...["--capture-folder", join(this.folder, "capture")],
        ...["--pipelines-port", "0", "--pipelines-metrics-port", "0"],
        ...args,
      ],
      { HOOK_SECRET: WEBHOOK_SECRET, ...(pause !== undefined && { SLUICE_TEST_PAUSE: pause }) },
      wrapper,
    );
    this.#processes.add(process);
    return process;
  }

  async withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore(storePath(this.home));
    try {
      return await work(store);
    } finally {
      await store.destroy();
    }
  }

  /** Feeds are due and nothing waits for its next try. REQUIRES: no coordinator runs. */
  async passTime(): Promise<void> {
    await this.withStore(async (store) => {
      await store.updateTable("feeds").set({ last_pull_ms: 0 }).execute();
      await store.updateTable("runs").set({ not_before_ms: 0 }).execute();
      await store
        .updateTable("outbox")
        .set({ next_at_ms: 0 })
        .where("status", "=", "pending")
        .execute();
    });
  }

  /** Resolves when all that was put in has come out, and nothing is queued or runs. */
  async untilSettled(process: LoopProcess): Promise<void> {
    await process.apiUrl();
    await this.withStore(async (store) => {
      const explain = async () =>
        `${JSON.stringify(await readState(store))}; expected ${JSON.stringify(this.expected)}; ${process.said.slice(-4000)}`;
      const isSo = async () => {
        if (process.hasEnded) throw new Error(`the coordinator ended: ${process.said}`);
        const { active, pending, ...state } = await readState(store);
        return (
          active === 0 && pending === 0 && JSON.stringify(state) === JSON.stringify(this.expected)
        );
      };
      await until("the loop is settled", isSo, explain);
    });
  }

  /** From stop to settled to stop again. */
  async settle(): Promise<void> {
    const process = this.start();
    await this.untilSettled(process);
    await process.kill("SIGTERM");
  }

  /** Keeps a state under a name. REQUIRES: nothing runs. */
  save(name: string): void {
    for (const folder of attemptFolders(this.home))
      rmSync(join(folder, "stderr.log"), { force: true });
    cpSync(this.folder, join(this.#root, name), { recursive: true });
    const received = [...this.receiver.received];
    this.#saved.set(name, { days: this.#days, captures: this.#captures, received });
  }

  /** Back to a state, at the same place: the store holds absolute paths. What still runs is killed. */
  async restore(name: string): Promise<void> {
    await this.#killAll();
    const saved = this.#saved.get(name);
    if (saved === undefined) throw new Error(`no state '${name}' was saved`);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
    cpSync(join(this.#root, name), this.folder, { recursive: true });
    this.#days = saved.days;
    this.#captures = saved.captures;
    this.receiver.received.splice(0, Number.POSITIVE_INFINITY, ...saved.received);
  }

  async close(): Promise<void> {
    await this.#killAll();
    await this.receiver.close();
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #killAll(): Promise<void> {
    for (const process of this.#processes) await process.kill("SIGKILL");
    this.#processes.clear();
  }
}

/** As a run that was never started: what was killed on the way to a state must not count. */
export async function forgetAttempts(store: Store): Promise<void> {
  await store
    .updateTable("runs")
    .set({
      status: "queued",
      attempts: 0,
      interrupted_attempts: 0,
      folder: null,
      error: null,
      not_before_ms: 0,
    })
    .where("status", "in", ["queued", "running"])
    .execute();
}

async function readState(store: Store): Promise<Expected & { active: number; pending: number }> {
  const rowsOf = (dataset: string) =>
    sum(
      store
        .selectFrom("batches")
        .select("rows")
        .where("dataset", "=", dataset)
        .where("status", "=", "landed")
        .execute(),
    );
  const active = await store
    .selectFrom("runs")
    .select("id")
    .where("status", "in", ["queued", "running"])
    .execute();
  const pending = await store
    .selectFrom("outbox")
    .select("id")
    .where("status", "=", "pending")
    .execute();
  const published = await store
    .selectFrom("candidates")
    .select("id")
    .where("stage", "=", "published")
    .execute();
  const windows = await store.selectFrom("windows").select("id").execute();
  return {
    landedRows: await rowsOf("departures"),
    publishedModels: published.length,
    predictedRows: await rowsOf("late-predictions"),
    capturedRows: await sum(store.selectFrom("captures").select("rows").execute()),
    windows: windows.length,
    active: active.length,
    pending: pending.length,
  };
}

async function sum(rows: Promise<readonly { readonly rows: number }[]>): Promise<number> {
  return (await rows).reduce((total, each) => total + each.rows, 0);
}
