import type { Environment } from "./environment.ts";
import type { LoadResult } from "./load-result.ts";
import { explainNoResult } from "./ratio.ts";
import { allResults, type Comparison } from "./report.ts";
import type { ScenarioReport } from "./scenarios/scenario-report.ts";

/** A load whose generator is this busy may measure the generator. */
const BUSY_GENERATOR = 0.9;
const LATE_MS = 1;
/** Below it p99.9 is one or two requests. */
const FEW_REQUESTS = 2000;

/** What a reader must know before believing the figures. */
export function collectWarnings(
  environment: Environment,
  results: readonly LoadResult[],
  comparisons: readonly Comparison[],
  scenarios: readonly ScenarioReport[],
): string[] {
  const warnings: string[] = [];
  if (environment.loadAverage > environment.cores / 2) {
    const load = environment.loadAverage.toFixed(1);
    warnings.push(
      `the machine was busy before the run: load ${load} on ${environment.cores} cores`,
    );
  }
  for (const result of allResults({ results, comparisons, scenarios: [] })) {
    const all = [...explainResult(result), ...explainCount(result)];
    warnings.push(...all.map((warning) => `${result.name}: ${warning}`));
  }
  for (const comparison of comparisons) warnings.push(...explainSpread(comparison));
  for (const { name, failure, runs } of scenarios) {
    if (failure !== null) warnings.push(`${name} was not measured: ${failure}`);
    const problems = runs.flatMap((run) =>
      explainResult(run).map((text) => `${name}: ${run.name}: ${text}`),
    );
    warnings.push(...problems);
  }
  return [...new Set(warnings)];
}

function explainResult(result: LoadResult): string[] {
  // With a deadline it is about what becomes of requests, which its outcomes tell.
  const warnings = result.outcomes === null ? explainFailures(result) : [];
  if (result.generatorReason !== null) {
    warnings.push(`the native generator was not to be had (${result.generatorReason})`);
  }
  // In the open loop the script generator polls between two starts, which counts as work.
  const tellsWork = result.ratePerSec === null || result.generator === "native";
  if (tellsWork && result.generatorUtilization > BUSY_GENERATOR) {
    const percent = Math.round(result.generatorUtilization * 100);
    warnings.push(
      `the load generator was ${percent} % busy and may be the limit; try --generator-threads`,
    );
  }
  const lateMs = result.sendLatenessP99Ms ?? 0;
  if (lateMs > LATE_MS && result.unsent === 0) {
    warnings.push(
      `requests were sent up to ${lateMs.toFixed(1)} ms late (p99): all connections were busy, or the machine was; latency includes it`,
    );
  }
  return warnings;
}

function explainFailures(result: LoadResult): string[] {
  const warnings: string[] = [];
  if (result.errorCount > 0) {
    warnings.push(`${result.errorCount} requests failed; the first: ${result.firstError}`);
  }
  if (result.unsent > 0) {
    warnings.push(
      `${result.ratePerSec}/s were not kept up: ${result.unsent} requests were never sent, so the percentiles are too low`,
    );
  }
  return warnings;
}

function explainCount({ requests }: LoadResult): string[] {
  return requests < FEW_REQUESTS ? [`${requests} answers are too few for p99.9`] : [];
}

function explainSpread(comparison: Comparison): string[] {
  const ratio = comparison.throughputRatio;
  if (ratio.isResult) return [];
  return [
    `${comparison.ours} / ${comparison.baseline}: no result: ${explainNoResult(ratio)}; the machine is too noisy`,
  ];
}
