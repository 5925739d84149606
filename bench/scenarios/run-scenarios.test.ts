import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { createMachineGuard } from "../machine/machine-guard.ts";
import { NOT_PINNED } from "../machine/pinning.ts";
import { MLP } from "../models/bench-models.ts";
import type { RunningServer } from "../running-server.ts";
import type { BenchRoom } from "./bench-context.ts";
import { plainFigure } from "./figures.ts";
import { runScenarios, selectScenarios } from "./run-scenarios.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

function room(isQuick: boolean, lines: string[]): BenchRoom {
  const times = { pairs: 1, warmupMs: 50, durationMs: 200, timeoutMs: 5000 };
  const load = {
    connections: 2,
    generatorThreads: 1,
    generator: "auto" as const,
    protocols: ["http-json"] as const,
  };
  return {
    settings: { ...times, ...load, quick: isQuick, peers: { startable: [], absent: [] } },
    pinning: NOT_PINNED,
    guard: createMachineGuard(0),
    log: (line) => lines.push(line),
  };
}

function scenarioOf(name: string, run: Scenario["run"]): Scenario {
  return { name, title: name, question: "how?", bar: null, run };
}

const FIGURE = plainFigure({
  name: "f",
  unit: "",
  values: [1],
  noisyRuns: 0,
  bar: { atMost: 0.5 },
});

test("one that fails is reported, leaves nothing running or lying about, and stops no other", async () => {
  const lines: string[] = [];
  let context: ScenarioContext | null = null;
  let server: RunningServer | null = null;
  const reports = await runScenarios(
    [
      scenarioOf("breaks", async (given) => {
        context = given;
        server = await given.startFastify(await given.writeModel(MLP), 1);
        await given.measure("fastify", server, given.planLoad(server, MLP.name));
        throw new Error("half way");
      }),
      scenarioOf("works", async () => ({ figures: [FIGURE], series: [], notes: [] })),
    ],
    room(false, lines),
  );
  const [broken, good] = reports;
  assert.equal(broken?.failure, "half way");
  assert.ok((broken?.runs[0]?.requests ?? 0) > 0);
  if (process.platform === "linux") assert.ok((broken?.runs[0]?.server?.rssBytes ?? 0) > 1e6);
  const { folder } = context as unknown as ScenarioContext;
  assert.equal(existsSync(folder), false);
  const [pid = 0] = (server as unknown as RunningServer).pids();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  assert.deepEqual([good?.failure, good?.figures], [null, [FIGURE]]);
  assert.ok(
    lines.some((line) => line === "breaks failed: half way"),
    lines.join("\n"),
  );
});

test("a quick run judges nothing", async () => {
  const works = scenarioOf("works", async () => ({ figures: [FIGURE], series: [], notes: [] }));
  const [report] = await runScenarios([works], room(true, []));
  assert.deepEqual([report?.figures[0]?.bar, report?.figures[0]?.verdict], [null, "no-bar"]);
});

test("names choose scenarios in the known order; one that is not known is named", () => {
  const known = ["a", "b", "c"].map((name) => scenarioOf(name, () => Promise.reject()));
  const chosen = (...names: string[]) => selectScenarios(known, names).map((each) => each.name);
  assert.deepEqual(chosen("c", "a"), ["a", "c"]);
  assert.deepEqual(chosen("all"), ["a", "b", "c"]);
  assert.deepEqual(chosen(), []);
  assert.throws(() => chosen("a", "x"), /no scenario 'x'; there are a, b, c/);
});
