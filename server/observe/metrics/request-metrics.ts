import { Counter, type Registry } from "prom-client";
import { BATCH_CLOSES, PLACEMENTS } from "../../models/loader.ts";
import { OUTCOMES, PROTOCOLS } from "../../threads/shared-counters.ts";
import type { MetricsParts } from "./metrics-parts.ts";

/** The counter row of requests that reached no version. */
const NO_SLOT = 0;

export function registerRequests(registry: Registry, parts: MetricsParts): void {
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

export function registerBatches(registry: Registry, parts: MetricsParts): void {
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

function withNobody(parts: MetricsParts) {
  const loaded = parts.loaded().map((v) => ({ ...v, version: String(v.version) }));
  return [{ model: "", version: "", slot: NO_SLOT }, ...loaded];
}
