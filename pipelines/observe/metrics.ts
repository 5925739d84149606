import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Store } from "../store/store.ts";
import { createEventCounts } from "./event-counts.ts";
import { LabelBound } from "./label-bound.ts";

/** What the coordinator and the API tell; the rest is read from the store at each scrape. */
export interface Metrics {
  readonly registry: Registry;
  /** @param status finished or failed, or again for a try that will be repeated */
  runEnded(kind: string, status: string, seconds: number): void;
  /** Messages of a webhook, by what became of them. */
  outletDelivered(outlet: string, result: string, count: number): void;
  viewFilled(outlet: string, rows: number): void;
  /** @param route its pattern, never the path */
  apiAnswered(route: string, status: number): void;
}

/** promtool refuses these three of prom-client's defaults: gauges named `_total`. */
const MISNAMED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

const RUN_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400];
const MS_PER_SECOND = 1000;

/**
 * The registry that the metrics port serves. Counters of what this process did start at 0 with it;
 * those read from the store do not.
 * @param clock epoch milliseconds
 */
export function createMetrics(store: Store, clock: () => number = Date.now): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  registerQueue(registry, store);
  registerBatches(registry, store);
  registerFeeds(registry, store, clock);
  registerEvents(registry, store);
  registerOutbox(registry, store);
  return { registry, ...createTold(registry) };
}

function createTold(registry: Registry): Omit<Metrics, "registry"> {
  const registers = [registry];
  const runs = new Counter({
    name: "sluice_runs_total",
    help: "Runs that ended in this process.",
    labelNames: ["kind", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "sluice_run_seconds",
    help: "From the start of a run's process to its end.",
    labelNames: ["kind"],
    buckets: RUN_SECONDS,
    registers,
  });
  const deliveries = new Counter({
    name: "sluice_outbox_deliveries_total",
    help: "Tries of messages to webhooks, by result.",
    labelNames: ["outlet", "result"],
    registers,
  });
  const viewRows = new Counter({
    name: "sluice_view_rows_total",
    help: "Rows that were put into views.",
    labelNames: ["outlet"],
    registers,
  });
  const answers = new Counter({
    name: "sluice_api_requests_total",
    help: "Requests to the project API, by route and status.",
    labelNames: ["route", "code"],
    registers,
  });
  const outlets = new LabelBound();
  return {
    runEnded(kind, status, tookSeconds) {
      runs.inc({ kind, status });
      seconds.observe({ kind }, tookSeconds);
    },
    outletDelivered(outlet, result, count) {
      if (count > 0) deliveries.inc({ outlet: outlets.of(outlet), result }, count);
    },
    viewFilled(outlet, rows) {
      if (rows > 0) viewRows.inc({ outlet: outlets.of(outlet) }, rows);
    },
    apiAnswered: (route, status) => answers.inc({ route, code: String(status) }),
  };
}

function registerQueue(registry: Registry, store: Store): void {
  new Gauge({
    name: "sluice_queue_runs",
    help: "Runs that wait or run.",
    labelNames: ["status"],
    registers: [registry],
    async collect() {
      const rows = await store
        .selectFrom("runs")
        .select(["status", (each) => each.fn.countAll<number>().as("count")])
        .where("status", "in", ["queued", "running"])
        .groupBy("status")
        .execute();
      this.set({ status: "queued" }, 0);
      this.set({ status: "running" }, 0);
      for (const { status, count } of rows) this.set({ status }, count);
    },
  });
}

function registerBatches(registry: Registry, store: Store): void {
  const datasets = new LabelBound();
  const read = () =>
    store
      .selectFrom("batches")
      .select([
        "dataset",
        "status",
        (each) => each.fn.countAll<number>().as("count"),
        (each) => each.fn.sum<number>("rows").as("rows"),
      ])
      .groupBy(["dataset", "status"])
      .execute();
  new Gauge({
    name: "sluice_dataset_rows",
    help: "Rows of landed batches.",
    labelNames: ["dataset"],
    registers: [registry],
    async collect() {
      const rows = await read();
      this.reset();
      for (const each of rows) {
        if (each.status !== "landed") continue;
        this.inc({ dataset: datasets.of(each.dataset) }, Number(each.rows));
      }
    },
  });
  // Not a counter by its type: a batch moves from one status to another.
  new Gauge({
    name: "sluice_batches",
    help: "Batches by where they stand.",
    labelNames: ["dataset", "status"],
    registers: [registry],
    async collect() {
      const rows = await read();
      this.reset();
      for (const { dataset, status, count } of rows) {
        this.inc({ dataset: datasets.of(dataset), status }, count);
      }
    },
  });
}

function registerFeeds(registry: Registry, store: Store, clock: () => number): void {
  const feeds = new LabelBound();
  const register = (name: string, help: string, value: (feed: FeedRow) => number | null): void => {
    new Gauge({
      name,
      help,
      labelNames: ["feed"],
      registers: [registry],
      async collect() {
        const rows = await store
          .selectFrom("feeds")
          .select(["name", "last_pull_ms", "held"])
          .execute();
        this.reset();
        for (const row of rows) {
          const number = value(row);
          if (number !== null) this.set({ feed: feeds.of(row.name) }, number);
        }
      },
    });
  };
  register("sluice_feed_lag_seconds", "Since the last successful pull.", ({ last_pull_ms }) =>
    last_pull_ms === null ? null : Math.max(0, clock() - last_pull_ms) / MS_PER_SECOND,
  );
  register("sluice_feed_held", "1 while pulling is refused until the project changes.", (feed) =>
    feed.held === null ? 0 : 1,
  );
}

interface FeedRow {
  readonly last_pull_ms: number | null;
  readonly held: string | null;
}

function registerEvents(registry: Registry, store: Store): void {
  const counts = createEventCounts(store);
  new Counter({
    name: "sluice_events_total",
    help: "Events of the chain, by type.",
    labelNames: ["type"],
    registers: [registry],
    async collect() {
      const { byType } = await counts.read();
      this.reset();
      for (const [type, count] of byType) this.inc({ type }, count);
    },
  });
  new Counter({
    name: "sluice_monitor_alerts_total",
    help: "Alerts of drift and degradation.",
    labelNames: ["model", "kind"],
    registers: [registry],
    async collect() {
      const { alerts } = await counts.read();
      this.reset();
      for (const { model, kind, count } of alerts) this.inc({ model, kind }, count);
    },
  });
}

function registerOutbox(registry: Registry, store: Store): void {
  const outlets = new LabelBound();
  const register = (name: string, help: string, status: "pending" | "dead"): void => {
    new Gauge({
      name,
      help,
      labelNames: ["outlet"],
      registers: [registry],
      async collect() {
        const rows = await store
          .selectFrom("outbox")
          .select(["outlet", (each) => each.fn.countAll<number>().as("count")])
          .where("status", "=", status)
          .groupBy("outlet")
          .execute();
        this.reset();
        for (const { outlet, count } of rows) this.inc({ outlet: outlets.of(outlet) }, count);
      },
    });
  };
  register("sluice_outbox_pending", "Messages that wait for a webhook.", "pending");
  register("sluice_outbox_dead", "Messages that were given up.", "dead");
}
