import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { projectFileTables } from "./schema-table.ts";

const text = projectFileTables();

/** Cells of the row of a key, in the table under a heading. */
function cellsOf(heading: string, key: string): readonly string[] {
  const section = text.split("\n## ").find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const row = section.split("\n").find((line) => line.startsWith(`| \`${key}\` `));
  return (row ?? "").split("|").map((cell) => cell.trim());
}

describe("the tables of the project file", () => {
  it("say what each key takes, its default and its meaning", () => {
    assert.deepEqual(cellsOf("`feeds.NAME`", "batchRows").slice(2, 4), [
      "a whole number, at least 1, at most 10000000",
      "`100000`",
    ]);
    assert.match(cellsOf("`feeds.NAME`", "batchRows")[4] ?? "", /Most rows of one batch/);
    assert.equal(cellsOf("The file", "project")[3], "required");
    assert.equal(cellsOf("The file", "hashKey")[2], "`{env: …}` or `{file: …}`");
    assert.equal(cellsOf("`feeds.NAME`", "everySecs")[3], "–");
  });

  it("give a kind a table of its own, and none to one without keys", () => {
    assert.equal(
      cellsOf("`feeds.NAME`", "connector")[2],
      "kind `files`, `postgres` or `rest`: see below",
    );
    const postgres = "`feeds.NAME.connector`, kind `postgres`";
    assert.equal(cellsOf(postgres, "cursor.lagSecs")[3], "`3600`");
    assert.match(text, /kind `gradientBoosting`\n/);
    assert.doesNotMatch(text, /kind `linkHeader`\n/);
  });

  it("tell what is required only where its mapping is there", () => {
    const rest = "`feeds.NAME.connector`, kind `rest`";
    assert.equal(cellsOf(rest, "cursor.column")[3], "required with `cursor`");
    assert.equal(cellsOf("`models.NAME`", "score.into")[3], "required with `score`");
    assert.equal(
      cellsOf("`models.NAME`", "monitor.performance.maxDrop")[3],
      "required with `monitor.performance`",
    );
  });

  it("leave no key without its meaning", () => {
    const rows = text.split("\n").filter((line) => line.startsWith("| `"));
    const silent = rows.filter((row) => row.split("|").at(-2)?.trim() === "");
    assert.ok(rows.length > 80);
    assert.deepEqual(silent, []);
  });
});
