import type { Environment } from "../environment.ts";
import type { BenchReport } from "../report.ts";

/** A quiet machine of 2 cores. */
export const ENVIRONMENT: Environment = {
  date: "2026-01-02T03:04:05.000Z",
  node: "v20.20.2",
  platform: "linux 6 x64",
  cpu: "Some CPU",
  cores: 2,
  memoryBytes: 8e9,
  loadAverage: 0.1,
  pinning: "servers on core 0, generator on core 1",
};

/** A report of nothing; `changes` wins. */
export function reportOf(changes: Partial<BenchReport>): BenchReport {
  return {
    schemaVersion: 3,
    environment: ENVIRONMENT,
    settings: {},
    results: [],
    comparisons: [],
    scenarios: [],
    noise: [],
    warnings: [],
    ...changes,
  };
}
