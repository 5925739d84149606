import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Registry } from "prom-client";
import type { VersionState } from "../../models/lifecycle.ts";
import type { MetricsParts, VersionReading } from "./metrics-parts.ts";
import { boundVersions, MAX_VERSION_SERIES, registerVersions } from "./version-metrics.ts";

function reading(version: number, state: VersionState, costBytes: number | null = null) {
  const takesMemory = state === "ready";
  const id = { model: "m", version };
  return { id, state, sinceMs: 1500, takesMemory, costBytes, fileBytes: costBytes };
}

/** A page of `versions`, read anew at each call; values by series. */
function openPage(versions: VersionReading[]) {
  const registry = new Registry();
  registerVersions(registry, { versions: () => versions } as unknown as MetricsParts);
  return async () => {
    const lines = (await registry.metrics()).split("\n").filter((line) => /^sluice/.test(line));
    return new Map(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
  };
}

describe("metrics of versions", () => {
  it("tell the state, since when, memory and file bytes", async () => {
    const page = await openPage([reading(1, "ready", 4096), reading(2, "unloaded", 512)])();
    assert.equal(page.get('sluice_version_state{model="m",version="1",state="ready"}'), "1");
    assert.equal(page.get('sluice_version_state{model="m",version="1",state="failed"}'), "0");
    const since = 'sluice_version_state_since_timestamp_seconds{model="m",version="2"}';
    assert.equal(page.get(since), "1.5");
    assert.equal(page.get('sluice_version_bytes{model="m",version="1"}'), "4096");
    assert.ok(!page.has('sluice_version_bytes{model="m",version="2"}'), "not in memory");
    assert.equal(page.get('sluice_version_file_bytes{model="m",version="2"}'), "512");
  });

  it("drop the series of a version that is forgotten", async () => {
    const versions = [reading(1, "ready", 1), reading(2, "ready", 2)];
    const read = openPage(versions);
    const before = [...(await read()).keys()].filter((name) => name.includes('version="1"'));
    assert.equal(before.length, 13);
    versions.shift();
    const after = [...(await read()).keys()];
    assert.ok(after.length === 13 && after.every((name) => name.includes('version="2"')));
  });

  it("are bounded: what is at rest beyond the bound is summed up", async () => {
    const ready = Array.from({ length: MAX_VERSION_SERIES }, (_, i) => reading(i + 10, "ready", 1));
    const page = await openPage([reading(1, "unloaded", 7), reading(2, "unloaded", 8), ...ready])();
    assert.ok(!page.has('sluice_version_state{model="m",version="1",state="unloaded"}'));
    const others = 'sluice_version_state{model="(others)",version="",state="unloaded"}';
    assert.equal(page.get(others), "2");
    assert.equal(page.get('sluice_version_file_bytes{model="(others)",version=""}'), "15");
    assert.equal(page.get('sluice_version_bytes{model="(others)",version=""}'), "0");
    assert.equal(page.size, 13 * MAX_VERSION_SERIES + 3);
  });
});

describe("which versions have series of their own", () => {
  it("those under way or serving, then the failed, then those at rest", () => {
    const all = (["unloaded", "failed", "absent", "ready", "vetting"] as const).map((state) => ({
      state,
    }));
    const { shown, others } = boundVersions(all, 3);
    assert.deepEqual(
      shown.map(({ state }) => state),
      ["ready", "vetting", "failed"],
    );
    assert.deepEqual(
      others.map(({ state }) => state),
      ["unloaded", "absent"],
    );
    assert.equal(boundVersions(all, 5).shown, all);
  });
});
