import assert from "node:assert/strict";
import { it } from "node:test";
import { Registry } from "prom-client";
import { registerSource } from "./source-metrics.ts";

it("metrics of the repository and of the disk cache", async () => {
  const registry = new Registry();
  registerSource(registry, {
    healthOf: (operation) => ({
      failuresInARow: operation === "index" ? 3 : 0,
      lastSuccessMs: 2500,
      failures: (kind) => (operation === "index" && kind === "failed" ? 5 : 0),
    }),
    cache: { read: async () => ({ versions: 2, bytes: 700 }) },
  });
  const lines = (await registry.metrics()).split("\n");
  for (const line of [
    'sluice_repository_failures_in_a_row{operation="index"} 3',
    'sluice_repository_failures_in_a_row{operation="version"} 0',
    "sluice_repository_last_fetch_timestamp_seconds 2.5",
    'sluice_repository_failures_total{operation="index",kind="failed"} 5',
    'sluice_repository_failures_total{operation="version",kind="refused"} 0',
    "sluice_cache_versions 2",
    "sluice_cache_bytes 700",
  ]) {
    assert.ok(lines.includes(line), line);
  }
});
