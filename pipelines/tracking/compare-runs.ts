import type { StoreReader } from "../store/store.ts";
import { type ShownRun, showRun } from "./show-run.ts";

export interface ComparedRow {
  readonly name: string;
  /** One a run; null: that run has none. */
  readonly values: readonly (string | number | boolean | null)[];
  readonly differs: boolean;
}

/** Runs side by side. */
export interface Comparison {
  readonly runs: readonly string[];
  readonly sections: readonly {
    /** run, params, metrics, inputs, code. */
    readonly title: string;
    readonly rows: readonly ComparedRow[];
  }[];
}

type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** @throws TrackingError when an id is none, or not unique */
export async function compareRuns(store: StoreReader, ids: readonly string[]): Promise<Comparison> {
  const runs: ShownRun[] = [];
  for (const id of ids) runs.push(await showRun(store, id));
  const section = (title: string, factsOf: (run: ShownRun) => Facts) => ({
    title,
    rows: compare(runs.map(factsOf)),
  });
  return {
    runs: runs.map(({ id }) => id),
    sections: [
      section("run", runFacts),
      section("params", ({ params }) => params),
      section("metrics", ({ metrics }) => metrics),
      section("inputs", inputFacts),
      section("code", ({ code }) => ({ ...code })),
    ],
  };
}

function runFacts({ kind, subject, status, reason, startedAtMs, endedAtMs }: ShownRun): Facts {
  const seconds =
    startedAtMs === null || endedAtMs === null ? null : (endedAtMs - startedAtMs) / 1000;
  return { kind, subject, status, reason, seconds };
}

/** `dataset:orders@3` stands beside `dataset:orders@5`. Several of a name stand in one cell. */
function inputFacts({ inputs }: ShownRun): Facts {
  const byName = new Map<string, string[]>();
  for (const subject of inputs) {
    const [name = subject, version = "yes"] = splitVersion(subject);
    byName.set(name, [...(byName.get(name) ?? []), version]);
  }
  return Object.fromEntries([...byName].map(([name, versions]) => [name, versions.join(", ")]));
}

function splitVersion(subject: string): readonly string[] {
  const at = subject.lastIndexOf("@");
  if (at > 0) return [subject.slice(0, at), subject.slice(at)];
  const colon = subject.indexOf(":");
  // Ids differ from run to run: what they are compares, not their names.
  return [subject.slice(0, colon), subject.slice(colon + 1)];
}

function compare(facts: readonly Facts[]): readonly ComparedRow[] {
  const names = [...new Set(facts.flatMap((each) => Object.keys(each)))];
  return names.map((name) => {
    const values = facts.map((each) => each[name] ?? null);
    return { name, values, differs: new Set(values).size > 1 };
  });
}
