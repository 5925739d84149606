import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { createLoadHistograms, LOAD_BOUNDS_SECONDS, type LoadHistograms } from "./load-metrics.ts";

/** Counters of rare events on the control thread. */
export interface ControlMetrics extends LoadHistograms {
  readonly transitions: Counter<"to">;
  readonly polls: Counter<"outcome">;
  readonly lastPollSeconds: Gauge;
  readonly denials: Counter<"code">;
  readonly engineThreadsLost: Counter;
  readonly auditFailures: Counter;
  readonly isolations: Counter<"kind">;
  readonly evictions: Counter;
  readonly thrashed: Counter;
  readonly coldLoads: Counter<"outcome">;
  readonly coldLoadSeconds: Histogram;
}

export function createControlMetrics(registry: Registry): ControlMetrics {
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
    ...createRoomMetrics(registers),
    ...createLoadHistograms(registry),
  };
}

function createRoomMetrics(registers: Registry[]) {
  return {
    isolations: new Counter({
      name: "sluice_isolations_total",
      help: "Versions taken out of service because they misbehaved: stalled, faults, threads-lost.",
      labelNames: ["kind"] as const,
      registers,
    }),
    evictions: new Counter({
      name: "sluice_evictions_total",
      help: "Versions unloaded to make room (maxModelBytes).",
      registers,
    }),
    thrashed: new Counter({
      name: "sluice_evictions_regretted_total",
      help: "Versions loaded again within a minute of their eviction: the budget is too small.",
      registers,
    }),
    coldLoads: new Counter({
      name: "sluice_cold_loads_total",
      help: "Loads that requests waited for.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    coldLoadSeconds: new Histogram({
      name: "sluice_cold_load_seconds",
      help: "How long the first of the requests for a version waited for it to load.",
      buckets: LOAD_BOUNDS_SECONDS,
      registers,
    }),
  };
}
