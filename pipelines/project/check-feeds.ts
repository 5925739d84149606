import { Type } from "@sinclair/typebox";
import { didYouMean } from "../../server/lib/nearest-name.ts";
import { type ProjectProblem, problemAt } from "./problem.ts";
import { ColumnContractSchema, type DatasetConfig, type Feed, type Project } from "./project.ts";
import { cronProblem } from "./schedule.ts";
import { findSchemaProblems } from "./schema-problems.ts";

/** Feeds, and the datasets that they fill. */
export function checkFeeds(project: Project): readonly ProjectProblem[] {
  return [
    ...Object.entries(project.feeds).flatMap(([name, feed]) => checkFeed(project, name, feed)),
    ...Object.entries(project.datasets).flatMap(([name, dataset]) =>
      checkOverrides(name, dataset.contract),
    ),
  ];
}

function checkFeed(project: Project, name: string, feed: Feed): readonly ProjectProblem[] {
  const path = ["feeds", name] as const;
  const problems: ProjectProblem[] = [];
  const dataset = project.datasets[feed.dataset];
  if (dataset === undefined) {
    const hint = didYouMean(feed.dataset, Object.keys(project.datasets));
    const text = `expected a dataset of this file, came '${feed.dataset}'${hint}`;
    problems.push(problemAt([...path, "dataset"], text));
  } else problems.push(...checkTreatments(name, feed, feed.dataset, dataset));
  problems.push(...checkSchedule(name, feed));
  const { connector } = feed;
  if (
    connector.kind === "rest" &&
    connector.sinceParam !== undefined &&
    connector.cursor === undefined
  ) {
    const text = "expected connector.cursor beside it: there is nothing to send";
    problems.push(problemAt([...path, "connector", "sinceParam"], text));
  }
  const hashed = Object.entries(feed.sanitise ?? {}).find(([, each]) => each === "hash");
  if (hashed !== undefined && project.hashKey === undefined) {
    const text = "expected hashKey in this file: without a key a hash can be guessed";
    problems.push(problemAt([...path, "sanitise", hashed[0]], text));
  }
  return problems;
}

function checkSchedule(name: string, { everySecs, cron }: Feed): readonly ProjectProblem[] {
  const path = ["feeds", name] as const;
  if (everySecs !== undefined && cron !== undefined) {
    return [problemAt([...path, "cron"], "expected everySecs or cron, came both")];
  }
  if (cron === undefined) {
    return everySecs === undefined
      ? [problemAt(path, "expected everySecs or cron, came neither")]
      : [];
  }
  const problem = cronProblem(cron);
  return problem === null ? [] : [problemAt([...path, "cron"], problem)];
}

/** Treatments after which a column is another text, or not there. */
const TEXT_TREATMENTS: readonly string[] = ["hash", "mask"];

function checkTreatments(
  name: string,
  { sanitise = {} }: Feed,
  datasetName: string,
  dataset: DatasetConfig,
): readonly ProjectProblem[] {
  return Object.entries(sanitise).flatMap(([column, treatment]) => {
    const path = ["feeds", name, "sanitise", column];
    const isText = TEXT_TREATMENTS.includes(treatment);
    if (column === dataset.time && isText) {
      const text = `expected keep: '${column}' is datasets.${datasetName}.time, and ${treatment} makes it a text`;
      return [problemAt(path, text)];
    }
    if (treatment === "mask" && dataset.key?.includes(column) === true) {
      const text = `expected hash: '${column}' is in datasets.${datasetName}.key, and masked values are no longer told apart`;
      return [problemAt(path, text)];
    }
    const type = dataset.types?.[column];
    if (!isText || type === undefined || type === "text") return [];
    const text = `expected keep or drop: datasets.${datasetName}.types says ${type}, and ${treatment} makes it a text`;
    return [problemAt(path, text)];
  });
}

const OverrideSchema = Type.Partial(ColumnContractSchema);

/** The parts of an override, `null` apart, which lifts a bound. */
function checkOverrides(
  name: string,
  contract: DatasetConfig["contract"],
): readonly ProjectProblem[] {
  return Object.entries(contract?.columns ?? {}).flatMap(([column, override]) => {
    const path = ["datasets", name, "contract", "columns", column];
    const known = Object.keys(OverrideSchema.properties);
    const lifted = Object.keys(override).filter((key) => override[key] === null);
    const set = Object.fromEntries(Object.entries(override).filter(([, value]) => value !== null));
    return [
      ...lifted
        .filter((key) => !known.includes(key))
        .map((key) => ({
          path: [...path, key],
          isAboutKey: true,
          text: `unknown key${didYouMean(key, known)}`,
        })),
      ...findSchemaProblems(OverrideSchema, set, path),
    ];
  });
}
