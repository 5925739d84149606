import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { VERSION_STATES } from "../models/lifecycle.ts";
import { BATCH_CLOSES, type BatchClose, PLACEMENTS, type PlacementName } from "../models/loader.ts";
import type { VersionStatus } from "../models/serving-map.ts";
import {
  BATCH_BOUNDS,
  type CounterReader,
  DURATION_BOUNDS_MS,
  type HistogramReading,
  OUTCOMES,
  type Phase,
  PROTOCOLS,
} from "../threads/shared-counters.ts";
import type { SharedGauge } from "../threads/shared-gauge.ts";
import { type CaptureCounters, DROP_REASONS, RECORD_KINDS } from "./capture/capture-counters.ts";

/** What the metrics page is rendered from; read anew at each scrape. */
export interface MetricsParts {
  readonly counters: CounterReader;
  readonly gauge: SharedGauge;
  /** Loaded versions and their rows. */
  readonly loaded: () => readonly {
    readonly model: string;
    readonly version: number;
    readonly slot: number;
    /** Batches run so far. */
    readonly batches: (placement: PlacementName, closedBy: BatchClose) => number;
  }[];
  readonly statuses: () => readonly { readonly model: string; readonly status: VersionStatus }[];
  readonly inflightBytes: () => number;
  readonly isReady: () => boolean;
  /** null: nothing is captured. */
  readonly capture: CaptureCounters | null;
}

/** Counters of rare events on the control thread. */
export interface ControlMetrics {
  readonly transitions: Counter<"to">;
  readonly polls: Counter<"outcome">;
  readonly lastPollSeconds: Gauge;
  readonly denials: Counter<"code">;
  readonly engineThreadsLost: Counter;
  readonly auditFailures: Counter;
}

/** promtool refuses these three of prom-client's defaults: gauges named `_total`. */
const MISNAMED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

const NO_SLOT = 0;
const MS_PER_SECOND = 1000;

/** Builds the registry that the metrics port serves. Runs on the control thread. */
export function createMetrics(parts: MetricsParts): {
  registry: Registry;
  control: ControlMetrics;
} {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  registerRequests(registry, parts);
  registerBatches(registry, parts);
  registerHistograms(registry, parts);
  registerGauges(registry, parts);
  if (parts.capture !== null) registerCapture(registry, parts.capture);
  return { registry, control: createControlMetrics(registry) };
}

function createControlMetrics(registry: Registry): ControlMetrics {
  const registers = [registry];
  return {
    transitions: new Counter({
      name: "sluice_version_transitions_total",
      help: "Steps of versions through their lifecycle, by the state entered.",
      labelNames: ["to"],
      registers,
    }),
    polls: new Counter({
      name: "sluice_repository_polls_total",
      help: "Readings of the repository's index.",
      labelNames: ["outcome"],
      registers,
    }),
    lastPollSeconds: new Gauge({
      name: "sluice_repository_last_success_timestamp_seconds",
      help: "When the repository's index was last read.",
      registers,
    }),
    denials: new Counter({
      name: "sluice_denied_requests_total",
      help: "Requests refused for want of a credential or a right.",
      labelNames: ["code"],
      registers,
    }),
    engineThreadsLost: new Counter({
      name: "sluice_engine_threads_lost_total",
      help: "Engine threads that ended by themselves.",
      registers,
    }),
    auditFailures: new Counter({
      name: "sluice_audit_write_failures_total",
      help: "Audit records that could not be written.",
      registers,
    }),
  };
}

function registerRequests(registry: Registry, parts: MetricsParts): void {
  new Counter({
    name: "sluice_requests_total",
    help: "Inference requests finished, by outcome; model and version are empty when none was reached.",
    labelNames: ["model", "version", "protocol", "code"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { model, version, slot } of withNobody(parts)) {
        for (const protocol of PROTOCOLS) {
          for (const code of OUTCOMES) {
            const count = parts.counters.requests(slot, protocol, code);
            if (count > 0) this.inc({ model, version, protocol, code }, count);
          }
        }
      }
    },
  });
}

function registerBatches(registry: Registry, parts: MetricsParts): void {
  new Counter({
    name: "sluice_batches_total",
    help: "Runs of the engine, by where they ran and why each batch took no more requests.",
    labelNames: ["model", "version", "placement", "closed_by"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { model, version, batches } of parts.loaded()) {
        for (const placement of PLACEMENTS) {
          for (const closedBy of BATCH_CLOSES) {
            const count = batches(placement, closedBy);
            const labels = { model, version: String(version), placement, closed_by: closedBy };
            if (count > 0) this.inc(labels, count);
          }
        }
      }
    },
  });
}

function registerCapture(registry: Registry, counters: CaptureCounters): void {
  const registers = [registry];
  new Counter({
    name: "sluice_capture_records_total",
    help: "Capture records written.",
    labelNames: ["kind"],
    registers,
    collect() {
      this.reset();
      for (const kind of RECORD_KINDS) this.inc({ kind }, counters.records(kind));
    },
  });
  new Counter({
    name: "sluice_capture_dropped_total",
    help: "What was not captured: records, or, as tensor-too-large, single tensors.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const reason of DROP_REASONS) this.inc({ reason }, counters.dropped(reason));
    },
  });
  new Gauge({
    name: "sluice_capture_waiting_bytes",
    help: "Capture records waiting to be written.",
    registers,
    collect() {
      this.set(counters.waitingBytes);
    },
  });
}

function withNobody(parts: MetricsParts) {
  const loaded = parts.loaded().map((v) => ({ ...v, version: String(v.version) }));
  return [{ model: "", version: "", slot: NO_SLOT }, ...loaded];
}

function registerHistograms(registry: Registry, parts: MetricsParts): void {
  const bounds = DURATION_BOUNDS_MS.map((ms) => ms / MS_PER_SECOND);
  const durations: readonly [Phase, string, string][] = [
    ["total", "sluice_request_duration_seconds", "From the decoded head to the encoded answer."],
    ["queue", "sluice_request_queue_seconds", "From admission to the start of compute."],
    ["compute", "sluice_request_compute_seconds", "The engine run that the request was part of."],
  ];
  for (const [phase, name, help] of durations) {
    registerReadings(registry, parts, { name, help, bounds, scale: 1 / MS_PER_SECOND }, (slot) =>
      parts.counters.duration(slot, phase),
    );
  }
  registerReadings(
    registry,
    parts,
    {
      name: "sluice_batch_rows",
      help: "Rows of the run that a request was part of.",
      bounds: BATCH_BOUNDS,
      scale: 1,
    },
    (slot) => parts.counters.batchRows(slot),
  );
}

interface HistogramShape {
  readonly name: string;
  readonly help: string;
  /** In the unit of the name. */
  readonly bounds: readonly number[];
  /** From the counters' unit to the name's. */
  readonly scale: number;
}

/**
 * A histogram that is read, not observed: prom-client's own cannot be set, so this hands the
 * registry finished values through the same interface.
 */
function registerReadings(
  registry: Registry,
  parts: MetricsParts,
  shape: HistogramShape,
  read: (slot: number) => HistogramReading,
): void {
  const get = async () => ({
    name: shape.name,
    help: shape.help,
    type: "histogram",
    aggregator: "sum",
    values: parts
      .loaded()
      .flatMap(({ model, version, slot }) =>
        toValues(shape, { model, version: String(version) }, read(slot)),
      ),
  });
  const metric = {
    name: shape.name,
    help: shape.help,
    get,
    getForPromString: get,
    reset: () => undefined,
  };
  registry.registerMetric(metric as unknown as Counter);
}

function toValues(
  shape: HistogramShape,
  labels: Readonly<Record<string, string>>,
  reading: HistogramReading,
) {
  let count = 0;
  const buckets = reading.counts.map((amount, i) => {
    count += amount;
    const le = shape.bounds[i] ?? "+Inf";
    return { labels: { ...labels, le }, value: count, metricName: `${shape.name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: reading.sum * shape.scale, metricName: `${shape.name}_sum` },
    { labels, value: count, metricName: `${shape.name}_count` },
  ];
}

function registerGauges(registry: Registry, parts: MetricsParts): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_requests_in_flight",
    help: "Requests waiting or running.",
    labelNames: ["model", "version"],
    registers,
    collect() {
      this.reset();
      for (const { model, version, slot } of parts.loaded()) {
        this.set({ model, version: String(version) }, parts.gauge.read(slot));
      }
    },
  });
  new Gauge({
    name: "sluice_version_state",
    help: "1 for the state that a version is in.",
    labelNames: ["model", "version", "state"],
    registers,
    collect() {
      this.reset();
      for (const { model, status } of parts.statuses()) {
        for (const state of VERSION_STATES) {
          const value = status.state === state ? 1 : 0;
          this.set({ model, version: String(status.version), state }, value);
        }
      }
    },
  });
  new Gauge({
    name: "sluice_inflight_request_bytes",
    help: "Request bytes held over all threads.",
    registers,
    collect() {
      this.set(parts.inflightBytes());
    },
  });
  new Gauge({
    name: "sluice_ready",
    help: "1 when the server takes traffic.",
    registers,
    collect() {
      this.set(parts.isReady() ? 1 : 0);
    },
  });
}
