import { Gauge, type Registry } from "prom-client";
import type { MetricsParts } from "./metrics-parts.ts";

export function registerGauges(registry: Registry, parts: MetricsParts): void {
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
    name: "sluice_inflight_request_bytes",
    help: "Request bytes held over all threads.",
    registers,
    collect() {
      this.set(parts.inflightBytes());
    },
  });
  new Gauge({
    name: "sluice_model_bytes",
    help: "Memory of loaded versions, as measured when they were vetted.",
    registers,
    collect() {
      this.set(parts.modelBytes());
    },
  });
  new Gauge({
    name: "sluice_model_bytes_limit",
    help: "maxModelBytes; 0 without a budget.",
    registers,
    collect() {
      this.set(parts.maxModelBytes());
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
