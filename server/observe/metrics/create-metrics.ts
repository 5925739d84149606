import { collectDefaultMetrics, Registry } from "prom-client";
import { registerCapture } from "./capture-metrics.ts";
import { type ControlMetrics, createControlMetrics } from "./control-metrics.ts";
import type { MetricsParts } from "./metrics-parts.ts";
import { registerCertificate, registerConnections } from "./network-metrics.ts";
import { registerHistograms } from "./request-histograms.ts";
import { registerBatches, registerRequests } from "./request-metrics.ts";
import { registerSource } from "./source-metrics.ts";
import { registerGauges } from "./state-metrics.ts";
import { registerVersions } from "./version-metrics.ts";

/** promtool refuses these three of prom-client's defaults: gauges named `_total`. */
const MISNAMED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

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
  registerVersions(registry, parts);
  registerSource(registry, parts.source);
  registerConnections(registry, parts);
  if (parts.certificate !== null) registerCertificate(registry, parts.certificate);
  if (parts.capture !== null) registerCapture(registry, parts.capture);
  return { registry, control: createControlMetrics(registry) };
}
