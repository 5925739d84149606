import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DataEngine, openDataEngine } from "../datasets/duckdb.ts";
import { defaultMetric } from "../evaluate/metrics.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { MonitorConfig } from "../project/project.ts";
import { type ColumnFinding, driftOf } from "./drift.ts";
import type { ObserveResult, ObserveSpec } from "./observe-spec.ts";
import { performanceOf, type WindowPerformance } from "./performance.ts";
import { readObserved, readOutcomes, readSpan } from "./read-window.ts";

/** Beside the result: every signal and histogram, for whoever wants to see why. */
export const REPORT_FILE = "report.json";

/**
 * Watches one window of a model version's captured predictions: drift against the training reference
 * and, where labels are known, the realised metric against evaluation. Rejects with JobError for a model
 * without `monitor`, a window without rows and files without the model's columns.
 */
export const observe: JobWork<"observe"> = async (spec, context) => {
  const monitor = spec.config.monitor;
  if (monitor === undefined) {
    throw new JobError(`expected 'monitor' in the project for model '${spec.model}', found none`);
  }
  if (spec.capturePaths.length === 0) {
    throw new JobError("expected a window with captured rows, found no files");
  }
  const spillFolder = join(context.folder, "spill");
  const folders = [...foldersOf(spec), context.folder];
  const engine = await openDataEngine({ folders, spillFolder });
  try {
    const span = await readSpan(engine, spec.capturePaths);
    const findings = await findDrift(engine, spec, monitor);
    context.signal.throwIfAborted();
    const performance = await findPerformance(engine, spec, monitor, span.rows);
    const result: ObserveResult = {
      ...span,
      drift: findings.map(({ drift }) => drift),
      performance:
        performance === null
          ? null
          : {
              metric: performance.metric,
              coverage: performance.coverage,
              realised: performance.realised,
              evaluated: performance.evaluated,
              isDegraded: performance.isDegraded,
            },
    };
    await writeReport(context, spec, result, findings, performance);
    record(context, result);
    await context.pause("observed");
    return result;
  } finally {
    engine.close();
  }
};

function foldersOf(spec: ObserveSpec): string[] {
  const paths = [...spec.capturePaths, ...spec.labelPaths];
  if (spec.referencePath !== null) paths.push(spec.referencePath);
  return [...new Set(paths.map((path) => dirname(path)))];
}

async function findDrift(
  engine: DataEngine,
  spec: ObserveSpec,
  monitor: MonitorConfig,
): Promise<readonly ColumnFinding[]> {
  if (spec.referencePath === null) return [];
  const reference = await readObserved(engine, "reference", [spec.referencePath], spec.features);
  if (reference.rows === 0) throw new JobError("expected rows in the reference, found none");
  const window = await readObserved(engine, "window", spec.capturePaths, spec.features);
  return driftOf(reference, window, spec.features, monitor);
}

async function findPerformance(
  engine: DataEngine,
  spec: ObserveSpec,
  { performance }: MonitorConfig,
  rows: number,
): Promise<(WindowPerformance & { readonly unreadableLabels: number }) | null> {
  if (performance === undefined) return null;
  const { task } = spec.config;
  const metric = performance.metric ?? defaultMetric(task);
  const outcomes = await readOutcomes(
    engine,
    spec.model,
    spec.capturePaths,
    spec.labelPaths,
    rows,
    task,
  );
  const evaluated = spec.evaluated?.[metric] ?? null;
  const found = performanceOf(outcomes, { ...performance, metric }, evaluated);
  return { ...found, unreadableLabels: outcomes.unreadableLabels };
}

async function writeReport(
  { folder }: JobContext,
  spec: ObserveSpec,
  result: ObserveResult,
  findings: readonly ColumnFinding[],
  performance: unknown,
): Promise<void> {
  const report = {
    schemaVersion: 1,
    model: spec.model,
    version: spec.version,
    rows: result.rows,
    firstAtMs: result.firstAtMs,
    lastAtMs: result.lastAtMs,
    columns: findings.map(({ drift, signals }) => ({ ...drift, ...signals })),
    performance,
  };
  await writeFile(join(folder, REPORT_FILE), `${JSON.stringify(report, null, 2)}\n`);
}

function record(context: JobContext, { rows, drift, performance }: ObserveResult): void {
  context.metric("rows", rows);
  context.metric("drifted_columns", drift.filter(({ hasDrifted }) => hasDrifted).length);
  for (const { column, distance } of drift) context.metric(`drift_distance.${column}`, distance);
  for (const { column, text } of drift.filter(({ hasDrifted }) => hasDrifted)) {
    context.log(`drift: ${column}: ${text}`, { column });
  }
  if (performance === null) return;
  context.metric("label_coverage", performance.coverage);
  if (performance.realised !== null) {
    context.metric(`realised_${performance.metric}`, performance.realised);
  }
}
