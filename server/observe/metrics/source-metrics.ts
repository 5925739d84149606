import { Counter, Gauge, type Registry } from "prom-client";
import {
  SOURCE_FAILURES,
  SOURCE_OPERATIONS,
  type WatchedSource,
} from "../../sources/watched-source.ts";

const MS_PER_SECOND = 1000;

export type SourceReadings = Pick<WatchedSource, "healthOf"> & {
  readonly cache: Pick<WatchedSource["cache"], "read">;
};

/** The health of the repository, and what of it lies on this disk. */
export function registerSource(registry: Registry, source: SourceReadings): void {
  registerHealth(registry, source);
  registerCache(registry, source);
}

function registerHealth(registry: Registry, source: SourceReadings): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_repository_failures_in_a_row",
    help: "Failures since the last success, of reading the index or of bringing versions to the disk.",
    labelNames: ["operation"],
    registers,
    collect() {
      for (const operation of SOURCE_OPERATIONS) {
        this.set({ operation }, source.healthOf(operation).failuresInARow);
      }
    },
  });
  new Gauge({
    name: "sluice_repository_last_fetch_timestamp_seconds",
    help: "When a version was last brought to the disk or found there.",
    registers,
    collect() {
      const { lastSuccessMs } = source.healthOf("version");
      if (lastSuccessMs !== null) this.set(lastSuccessMs / MS_PER_SECOND);
    },
  });
  new Counter({
    name: "sluice_repository_failures_total",
    help: "Failures: missing, changed while it was read, failed (not reached or not readable), refused (not as it has to be).",
    labelNames: ["operation", "kind"],
    registers,
    collect() {
      this.reset();
      for (const operation of SOURCE_OPERATIONS) {
        const health = source.healthOf(operation);
        for (const kind of SOURCE_FAILURES) this.inc({ operation, kind }, health.failures(kind));
      }
    },
  });
}

function registerCache(registry: Registry, source: SourceReadings): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_cache_versions",
    help: "Versions in the disk cache.",
    registers,
    async collect() {
      this.set((await source.cache.read()).versions);
    },
  });
  new Gauge({
    name: "sluice_cache_bytes",
    help: "Bytes of versions in the disk cache.",
    registers,
    async collect() {
      this.set((await source.cache.read()).bytes);
    },
  });
}
