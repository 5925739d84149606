import { withFolder } from "../with-folder.ts";
import { BenchContext, type BenchRoom } from "./bench-context.ts";
import type { Scenario, ScenarioResult } from "./scenario.ts";
import type { ScenarioReport } from "./scenario-report.ts";

/** One after another; one that fails says so in its report and does not stop the others. */
export async function runScenarios(
  scenarios: readonly Scenario[],
  room: BenchRoom,
): Promise<ScenarioReport[]> {
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    room.log(`${scenario.name}: ${scenario.question}`);
    const report = await withFolder("sluice-bench-", (folder) => runOne(scenario, room, folder));
    if (report.failure !== null) room.log(`${scenario.name} failed: ${report.failure}`);
    reports.push(report);
  }
  return reports;
}

/**
 * @param names as given to `--scenario`
 * @returns in the order of `known`
 * @throws Error that names what is not known
 */
export function selectScenarios(
  known: readonly Scenario[],
  names: readonly string[],
): readonly Scenario[] {
  if (names.includes("all")) return known;
  for (const name of names) {
    if (!known.some((each) => each.name === name)) {
      const all = known.map((each) => each.name).join(", ");
      throw new Error(`no scenario '${name}'; there are ${all} (or all)`);
    }
  }
  return known.filter((each) => names.includes(each.name));
}

/** A look at whether everything runs says nothing about a bar. */
function withoutBars(result: ScenarioResult): ScenarioResult {
  const figures = result.figures.map((figure) => ({
    ...figure,
    bar: null,
    verdict: "no-bar" as const,
  }));
  return { ...result, figures, notes: [...result.notes, "--quick: no bar is judged."] };
}

const NOTHING: ScenarioResult = { figures: [], series: [], notes: [] };

async function runOne(
  scenario: Scenario,
  room: BenchRoom,
  folder: string,
): Promise<ScenarioReport> {
  const { name, title, question, bar } = scenario;
  const context = new BenchContext(room, folder);
  const startMs = performance.now();
  const report = (result: ScenarioResult, failure: string | null): ScenarioReport => ({
    ...{ name, title, question, bar, ...result, runs: context.runs, failure },
    seconds: (performance.now() - startMs) / 1000,
  });
  try {
    const result = await scenario.run(context);
    return report(room.settings.quick ? withoutBars(result) : result, null);
  } catch (thrown) {
    for (const line of context.lastErrors()) room.log(`from a server's log: ${line}`);
    return report(NOTHING, thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    await context.close();
  }
}
