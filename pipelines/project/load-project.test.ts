import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { loadProject, parseProject } from "./load-project.ts";
import { ProjectError } from "./project-error.ts";

const GOOD = `schemaVersion: 1
project: shop
hashKey: {env: HASH_KEY}
feeds:
  orders:
    dataset: orders
    everySecs: 60
    connector: {kind: postgres, url: {env: DB}, table: orders, cursor: {column: id}}
    sanitise: {email: hash, note: drop}
datasets:
  orders:
    time: at
    key: [id]
    types: {amount: number}
    contract: {columns: {amount: {max: null, min: 0}}}
models:
  churn:
    dataset: orders
    target: left
    task: binary
    features: [amount, country]
    trainer: {kind: gradientBoosting}
    evaluation: {metric: auc, thresholds: [{metric: auc, min: 0.6}], slices: [country]}
    monitor: {performance: {maxDrop: 0.05}}
    score: {into: scores}
outlets:
  out: {kind: feed, dataset: scores}
rules:
  - {when: {newRows: 1000}, do: train, model: churn, unless: {}}
  - {when: {degradation: true}, do: train, model: churn}
labels:
  left: {dataset: orders, model: churn, inferenceId: id, label: left}
`;

function problemsOf(text: string): readonly string[] {
  try {
    parseProject(text, "sluice.yaml");
  } catch (thrown) {
    assert.ok(thrown instanceof ProjectError, String(thrown));
    return [thrown.message, ...thrown.others];
  }
  return [];
}

type Loose = Record<string, unknown>;

/** The good file with one place set to something else; undefined takes it out. */
function changed(path: readonly (string | number)[], value: unknown): string {
  const root = parse(GOOD) as Loose;
  let node = root;
  for (const part of path.slice(0, -1)) node = node[part] as Loose;
  const last = String(path.at(-1));
  if (value === undefined) delete node[last];
  else node[last] = value;
  return stringify(root);
}

/** The one problem, without file and line. */
function problemWith(path: readonly (string | number)[], value: unknown): string {
  const problems = problemsOf(changed(path, value));
  assert.equal(problems.length, 1, problems.join("\n"));
  return withoutPlace(problems[0] ?? "");
}

function withoutPlace(problem: string): string {
  return problem.replace(/^sluice\.yaml:[0-9]+ /, "");
}

describe("a project file that can be used", () => {
  it("has every default filled in, inside of lists, records and unions too", () => {
    const project = parseProject(GOOD, "sluice.yaml");
    const { orders } = project.feeds;
    assert.equal(orders?.batchRows, 100_000);
    assert.deepEqual(orders?.connector, {
      kind: "postgres",
      url: { env: "DB" },
      table: "orders",
      cursor: { column: "id", lagSecs: 3600 },
      statementTimeoutSecs: 60,
    });
    const churn = project.models["churn"];
    assert.equal(churn?.trainer.kind === "gradientBoosting" && churn.trainer.trees, 200);
    assert.equal(churn?.evaluation?.fraction, 0.2);
    assert.equal(churn?.monitor?.performance?.coverage, 0.8);
    assert.deepEqual(project.rules[0]?.unless, { coolDownSecs: 3600, maxPerDay: 4, maxRefused: 3 });
    assert.equal(project.rules[1]?.unless, undefined);
    assert.equal(project.datasets["orders"]?.contract?.columns?.["amount"]?.["max"], null);
  });

  it("may leave parts for later", () => {
    const project = parseProject("schemaVersion: 1\nproject: shop\nfeeds:\nrules:\n", "p.yaml");
    assert.deepEqual(project.feeds, {});
    assert.deepEqual(project.rules, []);
    assert.deepEqual(project.outlets, {});
  });

  it("is frozen", () => {
    const project = parseProject(GOOD, "sluice.yaml");
    assert.throws(() => {
      (project.models["churn"] as { target: string }).target = "x";
    }, TypeError);
  });

  describe("on the disk", () => {
    let folder = "";
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "sluice-project-"));
    });
    after(() => rmSync(folder, { recursive: true }));

    it("is named by its bytes and its folder", () => {
      const file = join(folder, "sluice.yaml");
      writeFileSync(file, GOOD);
      const first = loadProject(file);
      assert.equal(first.file, file);
      assert.equal(first.folder, folder);
      writeFileSync(file, `${GOOD}# more\n`);
      assert.notEqual(loadProject(file).sha256, first.sha256);
      assert.match(first.sha256, /^[0-9a-f]{64}$/);
    });

    it("is said to be missing", () => {
      assert.throws(
        () => loadProject(join(folder, "no.yaml")),
        /cannot read .*no\.yaml \(ENOENT\)/,
      );
    });
  });
});

describe("a project file that cannot be used", () => {
  it("is told all that is wrong, by line", () => {
    const text = GOOD.replace("everySecs: 60", "everySecs: soon")
      .replace("task: binary", "task: binry")
      .replace("  out: {", "  Out Let: {");
    assert.deepEqual(problemsOf(text), [
      'sluice.yaml:7 feeds.orders.everySecs: expected a number above 0, came "soon"',
      'sluice.yaml:20 models.churn.task: expected one of binary, regression, came "binry"',
      'sluice.yaml:27 outlets.Out Let: expected a name like ^[a-z][a-z0-9_-]{0,62}$, came "Out Let"',
    ]);
  });

  it("is refused where it is no YAML, has a key twice, or is no mapping", () => {
    assert.match(problemsOf("a: [1\nb: 2")[0] ?? "", /^sluice\.yaml:[12] is not YAML: /);
    assert.match(problemsOf("project: a\nproject: b\n")[0] ?? "", /^sluice\.yaml:2 is not YAML: /);
    assert.deepEqual(problemsOf("- 1\n"), ["sluice.yaml:1 expected a mapping, came a list"]);
    assert.equal(problemsOf("").length, 2);
    assert.match(problemsOf("a: *nowhere\n")[0] ?? "", /is not YAML/);
  });

  it("is told the branch that was meant, and no other", () => {
    const rest = { kind: "rest", url: "https://h", pagination: { kind: "page", firs: 1 } };
    assert.equal(
      problemWith(["feeds", "orders", "connector"], rest),
      "feeds.orders.connector.pagination.firs: unknown key (did you mean 'first'?)",
    );
    assert.equal(
      problemWith(["feeds", "orders", "connector", "kind"], "postgre"),
      "feeds.orders.connector.kind: expected one of files, postgres, rest, came \"postgre\" (did you mean 'postgres'?)",
    );
    assert.equal(
      problemWith(["models", "churn", "trainer", "trees"], 0),
      "models.churn.trainer.trees: expected a whole number at least 1, at most 10000, came 0",
    );
    assert.equal(
      problemWith(["rules", 0, "when"], { newRow: 3 }),
      "rules[0].when: expected {newRows} or {drift} or {degradation} or {cron}, came a mapping",
    );
  });

  it("never repeats what may be a secret", () => {
    for (const url of ["postgres://u:hunter2@h/db", { env: "postgres://u:hunter2@h", fil: 1 }]) {
      const problems = problemsOf(changed(["feeds", "orders", "connector", "url"], url)).join();
      assert.ok(problems.length > 0);
      assert.ok(!problems.includes("hunter2"), problems);
    }
  });

  const CASES: readonly (readonly [path: (string | number)[], value: unknown, problem: RegExp])[] =
    [
      [["feeds", "orders", "dataset"], "ordrs", /^feeds\.orders\.dataset: .*did you mean 'orders'/],
      [["feeds", "orders", "cron"], "0 3 * * *", /^feeds\.orders\.cron: .*came both/],
      [["feeds", "orders", "everySecs"], undefined, /^feeds\.orders: .*came neither/],
      [["hashKey"], undefined, /^feeds\.orders\.sanitise\.email: expected hashKey/],
      [["feeds", "orders", "sanitise"], { at: "mask" }, /is datasets\.orders\.time, and mask/],
      [["feeds", "orders", "sanitise"], { id: "mask" }, /is in datasets\.orders\.key/],
      [["feeds", "orders", "sanitise"], { amount: "hash" }, /types says number, and hash/],
      [
        ["feeds", "orders", "sanitise"],
        { country: "encrypt" },
        /sanitise\.country: expected one of/,
      ],
      [
        ["datasets", "orders", "contract", "columns", "amount"],
        { mx: null },
        /columns\.amount\.mx: unknown key \(did you mean 'max'\?\)/,
      ],
      [
        ["datasets", "orders", "contract", "columns", "amount"],
        { min: "low" },
        /columns\.amount\.min: expected a number, came "low"/,
      ],
      [["models", "churn", "dataset"], "order", /^models\.churn\.dataset: .*did you mean 'orders'/],
      [["models", "churn", "features"], ["amount", "left"], /features\[1\]: .*than the target/],
      [["models", "churn", "features"], ["amount", "amount"], /features\[1\]: .*'amount' again/],
      [["models", "churn", "target"], "note", /^models\.churn\.target: .*every feed drops/],
      [["datasets", "orders", "key"], ["note"], /^datasets\.orders\.key\[0\]: .*every feed drops/],
      [["models", "churn", "evaluation", "slices"], ["note"], /slices\[0\]: .*every feed drops/],
      [["models", "churn", "evaluation", "metric"], "rmse", /of the task binary .*came rmse/],
      [
        ["models", "churn", "evaluation", "thresholds"],
        [{ metric: "mae", max: 1 }],
        /thresholds\[0\]\.metric: .*came mae/,
      ],
      [
        ["models", "churn", "evaluation", "thresholds"],
        [{ metric: "auc" }],
        /thresholds\[0\]: expected min or max, came neither/,
      ],
      [
        ["models", "churn", "evaluation", "thresholds"],
        [{ metric: "auc", min: 0.9, max: 0.8 }],
        /expected min at most max, came min 0\.9 and max 0\.8/,
      ],
      [["models", "churn", "monitor", "k"], 4, /monitor\.k: expected k at most n \(3\), came 4/],
      [["models", "churn", "monitor", "performance"], undefined, /^rules\[1\]\.when: never fires/],
      [["outlets", "out", "dataset"], "score", /outlets\.out\.dataset: .*did you mean 'scores'/],
      [["rules", 0, "model"], "chrn", /^rules\[0\]\.model: .*did you mean 'churn'/],
      [
        ["rules", 0, "when"],
        { cron: "at noon" },
        /^rules\[0\]\.when\.cron: expected a cron pattern/,
      ],
      [["labels", "left", "model"], "x", /^labels\.left\.model: expected a model/],
      [["labels", "left", "dataset"], "x", /^labels\.left\.dataset: expected a dataset/],
    ];
  for (const [path, value, problem] of CASES) {
    it(`such as ${path.join(".")} = ${JSON.stringify(value) ?? "nothing"}`, () => {
      const problems = problemsOf(changed(path, value)).map(withoutPlace);
      assert.ok(
        problems.some((each) => problem.test(each)),
        problems.join("\n"),
      );
    });
  }

  it("such as a model that scores into a dataset, or two into one", () => {
    const into = changed(["models", "churn", "score", "into"], "orders");
    assert.ok(problemsOf(into).some((each) => /score\.into: .*no dataset yet/.test(each)));
    const churn = (parse(GOOD) as { models: { churn: unknown } }).models.churn;
    assert.match(
      problemWith(["models", "twin"], churn),
      /twin\.score\.into: .*as models\.churn has/,
    );
  });

  it("such as a dataset that nothing fills", () => {
    const text = changed(["datasets", "empty"], {});
    const problems = problemsOf(
      text.replace("dataset: orders\n    target", "dataset: empty\n    target"),
    );
    assert.deepEqual(problems.length, 1);
    assert.match(problems[0] ?? "", /models\.churn\.dataset: .*nothing fills 'empty'/);
  });

  it("such as one with a model whose rows came through another feed untouched", () => {
    const other = {
      dataset: "orders",
      everySecs: 5,
      connector: { kind: "files", path: "x/*", format: "csv" },
    };
    const text = changed(["feeds", "other"], other).replace("target: left", "target: note");
    assert.deepEqual(problemsOf(text), []);
  });
});
