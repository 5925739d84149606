import { didYouMean } from "../../server/lib/nearest-name.ts";
import { checkFeeds } from "./check-feeds.ts";
import { checkModels } from "./check-models.ts";
import { type ProjectProblem, problemAt } from "./problem.ts";
import type { ModelConfig, Project, Rule } from "./project.ts";
import { cronProblem } from "./schedule.ts";

/** What no single value of a project shows: names that point nowhere, parts that contradict. */
export function findProjectProblems(project: Project): readonly ProjectProblem[] {
  return [
    ...checkFeeds(project),
    ...checkModels(project),
    ...checkOutlets(project),
    ...checkRules(project),
    ...checkLabels(project),
  ];
}

function checkOutlets(project: Project): readonly ProjectProblem[] {
  const predictions = Object.values(project.models).flatMap(({ score }) =>
    score === undefined ? [] : [score.into],
  );
  const known = [...Object.keys(project.datasets), ...predictions];
  return Object.entries(project.outlets).flatMap(([name, { dataset }]) => {
    if (known.includes(dataset)) return [];
    const text = `expected a dataset or what a model scores into, came '${dataset}'${didYouMean(dataset, known)}`;
    return [problemAt(["outlets", name, "dataset"], text)];
  });
}

function checkRules(project: Project): readonly ProjectProblem[] {
  return project.rules.flatMap((rule, index) => checkRule(project, rule, index));
}

function checkRule(project: Project, rule: Rule, index: number): readonly ProjectProblem[] {
  const model = project.models[rule.model];
  if (model === undefined) {
    const names = Object.keys(project.models);
    const text = `expected a model of this file, came '${rule.model}'${didYouMean(rule.model, names)}`;
    return [problemAt(["rules", index, "model"], text)];
  }
  if ("cron" in rule.when) {
    const problem = cronProblem(rule.when.cron);
    return problem === null ? [] : [problemAt(["rules", index, "when", "cron"], problem)];
  }
  const lack = whatMonitorLacks(rule, model);
  if (lack === null) return [];
  return [problemAt(["rules", index, "when"], `never fires: models.${rule.model} ${lack}`)];
}

function whatMonitorLacks({ when }: Rule, { monitor }: ModelConfig): string | null {
  if ("newRows" in when || "cron" in when) return null;
  if (monitor === undefined) return "has no monitor";
  if ("drift" in when || monitor.performance !== undefined) return null;
  return "has no monitor.performance";
}

function checkLabels(project: Project): readonly ProjectProblem[] {
  return Object.entries(project.labels).flatMap(([name, { dataset, model }]) => {
    const problems: ProjectProblem[] = [];
    const datasets = Object.keys(project.datasets);
    if (!datasets.includes(dataset)) {
      const text = `expected a dataset of this file, came '${dataset}'${didYouMean(dataset, datasets)}`;
      problems.push(problemAt(["labels", name, "dataset"], text));
    }
    const models = Object.keys(project.models);
    if (!models.includes(model)) {
      const text = `expected a model of this file, came '${model}'${didYouMean(model, models)}`;
      problems.push(problemAt(["labels", name, "model"], text));
    }
    return problems;
  });
}
