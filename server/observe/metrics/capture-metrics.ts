import { Counter, Gauge, type Registry } from "prom-client";
import { type CaptureCounters, DROP_REASONS, RECORD_KINDS } from "../capture/capture-counters.ts";

export function registerCapture(registry: Registry, counters: CaptureCounters): void {
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
