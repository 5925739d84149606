import type { Counter, Registry } from "prom-client";
import {
  BATCH_BOUNDS,
  DURATION_BOUNDS_MS,
  type HistogramReading,
  type Phase,
} from "../../threads/shared-counters.ts";
import type { MetricsParts } from "./metrics-parts.ts";

const MS_PER_SECOND = 1000;

export function registerHistograms(registry: Registry, parts: MetricsParts): void {
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
