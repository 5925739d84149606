import { didYouMean } from "../../server/lib/nearest-name.ts";
import { type ProjectPath, type ProjectProblem, problemAt } from "./problem.ts";
import type { MetricName, ModelConfig, Project } from "./project.ts";

/** Which metrics say something about which task. */
export const TASK_METRICS: Readonly<Record<ModelConfig["task"], readonly MetricName[]>> = {
  binary: ["auc", "logLoss", "accuracy", "f1"],
  regression: ["rmse", "mae", "r2"],
};

export function checkModels(project: Project): readonly ProjectProblem[] {
  return [
    ...Object.entries(project.models).flatMap(([name, model]) => [
      ...checkDataset(project, name, model),
      ...checkFeatures(name, model),
      ...checkColumns(project, name, model),
      ...checkMetrics(name, model),
      ...checkMonitor(name, model),
    ]),
    ...checkScores(project),
  ];
}

function checkDataset(
  project: Project,
  name: string,
  { dataset }: ModelConfig,
): readonly ProjectProblem[] {
  const path = ["models", name, "dataset"];
  const datasets = Object.keys(project.datasets);
  if (!datasets.includes(dataset)) {
    const text = `expected a dataset of this file, came '${dataset}'${didYouMean(dataset, datasets)}`;
    return [problemAt(path, text)];
  }
  if (Object.values(project.feeds).some((feed) => feed.dataset === dataset)) return [];
  return [problemAt(path, `expected a dataset that a feed fills; nothing fills '${dataset}'`)];
}

function checkFeatures(name: string, { features, target }: ModelConfig): readonly ProjectProblem[] {
  return features.flatMap((feature, index) => {
    const path = ["models", name, "features", index];
    if (feature === target) {
      return [problemAt(path, `expected other columns than the target, came '${feature}'`)];
    }
    if (features.indexOf(feature) === index) return [];
    return [problemAt(path, `expected each column once, came '${feature}' again`)];
  });
}

/** Columns that the model needs and that no feed lets through. */
function checkColumns(
  project: Project,
  name: string,
  model: ModelConfig,
): readonly ProjectProblem[] {
  const feeds = Object.values(project.feeds).filter(({ dataset }) => dataset === model.dataset);
  const dataset = project.datasets[model.dataset];
  if (feeds.length === 0 || dataset === undefined) return [];
  const isDropped = (column: string): boolean =>
    feeds.every(({ sanitise }) => sanitise?.[column] === "drop");
  const needed: (readonly [ProjectPath, string])[] = [
    [["models", name, "target"], model.target],
    ...listed(["models", name, "features"], model.features),
    ...listed(["models", name, "evaluation", "slices"], model.evaluation?.slices),
    ...listed(["models", name, "score", "keep"], model.score?.keep),
    ...listed(["datasets", model.dataset, "key"], dataset.key),
  ];
  if (dataset.time !== undefined) {
    needed.push([["datasets", model.dataset, "time"], dataset.time]);
  }
  return needed
    .filter(([, column]) => isDropped(column))
    .map(([path, column]) =>
      problemAt(path, `expected a column that is kept, came '${column}', which every feed drops`),
    );
}

function listed(
  path: ProjectPath,
  columns: readonly string[] = [],
): (readonly [ProjectPath, string])[] {
  return columns.map((column, index) => [[...path, index], column] as const);
}

function checkMetrics(name: string, model: ModelConfig): readonly ProjectProblem[] {
  const fitting = TASK_METRICS[model.task];
  const { evaluation, monitor } = model;
  const named: (readonly [ProjectPath, MetricName | undefined])[] = [
    [["models", name, "evaluation", "metric"], evaluation?.metric],
    [["models", name, "monitor", "performance", "metric"], monitor?.performance?.metric],
    ...(evaluation?.thresholds ?? []).map(
      ({ metric }, index) =>
        [["models", name, "evaluation", "thresholds", index, "metric"], metric] as const,
    ),
  ];
  const unfit = named
    .filter(([, metric]) => metric !== undefined && !fitting.includes(metric))
    .map(([path, metric]) =>
      problemAt(
        path,
        `expected a metric of the task ${model.task} (${fitting.join(", ")}), came ${metric}`,
      ),
    );
  return [...unfit, ...checkThresholds(name, model)];
}

function checkThresholds(name: string, { evaluation }: ModelConfig): readonly ProjectProblem[] {
  return (evaluation?.thresholds ?? []).flatMap(({ min, max }, index) => {
    const path = ["models", name, "evaluation", "thresholds", index];
    if (min === undefined && max === undefined) {
      return [problemAt(path, "expected min or max, came neither")];
    }
    if (min === undefined || max === undefined || min <= max) return [];
    return [problemAt(path, `expected min at most max, came min ${min} and max ${max}`)];
  });
}

function checkMonitor(name: string, { monitor }: ModelConfig): readonly ProjectProblem[] {
  if (monitor === undefined || monitor.k <= monitor.n) return [];
  const text = `expected k at most n (${monitor.n}), came ${monitor.k}`;
  return [problemAt(["models", name, "monitor", "k"], text)];
}

function checkScores(project: Project): readonly ProjectProblem[] {
  const takenBy = new Map<string, string>();
  return Object.entries(project.models).flatMap(([name, { score }]) => {
    if (score === undefined) return [];
    const path = ["models", name, "score", "into"];
    if (project.datasets[score.into] !== undefined) {
      const text = `expected a name that is no dataset yet, came '${score.into}', which datasets has`;
      return [problemAt(path, text)];
    }
    const other = takenBy.get(score.into);
    takenBy.set(score.into, name);
    if (other === undefined) return [];
    return [
      problemAt(path, `expected a name of its own, came '${score.into}', as models.${other} has`),
    ];
  });
}
