import { Gauge, type Registry } from "prom-client";
import { VERSION_STATES, type VersionState } from "../../models/lifecycle.ts";
import type { MetricsParts, VersionReading } from "./metrics-parts.ts";

/** Known versions that have series of their own. */
export const MAX_VERSION_SERIES = 1000;
/** The series of all further ones; no model can be named so. */
const OTHERS = { model: "(others)", version: "" } as const;

const MS_PER_SECOND = 1000;

/** What is known of each version, loaded or not. A version that is forgotten leaves with the next scrape. */
export function registerVersions(registry: Registry, parts: MetricsParts): void {
  registerStates(registry, parts);
  registerSince(registry, parts);
  registerBytes(registry, parts, {
    name: "sluice_version_bytes",
    help: "Memory of a version that is loaded, as its vetting measured it.",
    bytesOf: ({ takesMemory, costBytes }) => (takesMemory ? costBytes : null),
  });
  registerBytes(registry, parts, {
    name: "sluice_version_file_bytes",
    help: "Size of the files that the runtime reads of a version.",
    bytesOf: ({ fileBytes }) => fileBytes,
  });
}

/** Versions that are shown by name, and the rest: what is at rest gives way first. Pure. */
export function boundVersions<V extends { readonly state: VersionState }>(
  all: readonly V[],
  max: number,
): { readonly shown: readonly V[]; readonly others: readonly V[] } {
  if (all.length <= max) return { shown: all, others: [] };
  const inTurn = [...all].sort((a, b) => turnOf(a.state) - turnOf(b.state));
  return { shown: inTurn.slice(0, max), others: inTurn.slice(max) };
}

function turnOf(state: VersionState): number {
  if (state === "absent" || state === "unloaded") return 2;
  return state === "failed" ? 1 : 0;
}

function registerStates(registry: Registry, parts: MetricsParts): void {
  new Gauge({
    name: "sluice_version_state",
    help: "1 for the state that a version is in; of (others), how many are in it.",
    labelNames: ["model", "version", "state"],
    registers: [registry],
    collect() {
      this.reset();
      const { shown, others } = bounded(parts);
      for (const reading of shown) {
        const labels = labelsOf(reading);
        for (const state of VERSION_STATES) {
          this.set({ ...labels, state }, reading.state === state ? 1 : 0);
        }
      }
      for (const { state } of others) this.inc({ ...OTHERS, state }, 1);
    },
  });
}

function registerSince(registry: Registry, parts: MetricsParts): void {
  new Gauge({
    name: "sluice_version_state_since_timestamp_seconds",
    help: "When a version entered its state.",
    labelNames: ["model", "version"],
    registers: [registry],
    collect() {
      this.reset();
      for (const reading of bounded(parts).shown) {
        this.set(labelsOf(reading), reading.sinceMs / MS_PER_SECOND);
      }
    },
  });
}

interface BytesShape {
  readonly name: string;
  readonly help: string;
  /** null: not known, or none. */
  readonly bytesOf: (reading: VersionReading) => number | null;
}

function registerBytes(
  registry: Registry,
  parts: MetricsParts,
  { name, help, bytesOf }: BytesShape,
): void {
  new Gauge({
    name,
    help,
    labelNames: ["model", "version"],
    registers: [registry],
    collect() {
      this.reset();
      const { shown, others } = bounded(parts);
      for (const reading of shown) {
        const bytes = bytesOf(reading);
        if (bytes !== null) this.set(labelsOf(reading), bytes);
      }
      for (const reading of others) this.inc(OTHERS, bytesOf(reading) ?? 0);
    },
  });
}

function bounded(parts: MetricsParts) {
  return boundVersions(parts.versions(), MAX_VERSION_SERIES);
}

function labelsOf({ id }: VersionReading) {
  return { model: id.model, version: String(id.version) };
}
