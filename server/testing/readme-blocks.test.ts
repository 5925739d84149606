import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainDifference, readBlocks } from "./readme-blocks.ts";

const FENCE = "```";

describe("readBlocks", () => {
  it("pairs what is run with what is shown, and reads the markers", () => {
    const markdown = [
      "# T",
      "<!-- not run: because\nof this -->",
      `${FENCE}sh\nnpm ci\n${FENCE}`,
      "<!-- repeat until shown -->",
      `${FENCE}sh\ncurl x\n${FENCE}`,
      "which prints",
      `${FENCE}json\n{}\n${FENCE}`,
      `${FENCE}ts\nawait f();\n${FENCE}`,
      "# Another",
      `${FENCE}text\nan example\n${FENCE}`,
    ].join("\n");
    const blocks = readBlocks(markdown);
    assert.deepEqual(
      blocks.map(({ text, line }) => [text, line]),
      [
        ["npm ci\n", 4],
        ["curl x\n", 8],
        ["await f();\n", 15],
      ],
    );
    assert.deepEqual(
      blocks.map(({ notRun, isRepeated, shown }) => [notRun, isRepeated, shown?.text ?? null]),
      [
        ["because\nof this", false, null],
        [null, true, "{}\n"],
        [null, false, null],
      ],
    );
  });

  it("refuses a block that nobody would run", () => {
    assert.throws(() => readBlocks(`${FENCE}python\nx\n${FENCE}`), /README.md:1: .*'python'/);
  });
});

describe("explainDifference", () => {
  const ofText = (shown: string, printed: string) =>
    explainDifference({ language: "text", text: shown }, printed);
  const ofJson = (shown: string, printed: string) =>
    explainDifference({ language: "json", text: shown }, printed);

  it("lets numbers differ in text, and nothing else", () => {
    assert.equal(ofText("[  0.1 s] at 1.5 ms, 3 left", "[ 12.9 s] at 100 ms, -4e-7 left\n"), null);
    assert.equal(ofText("[ 12.9 s] done", "[113.8 s] done"), null);
    assert.match(
      ofText("3 left", "3 right") ?? "",
      /expected text of the shape\n3 left\ngot\n3 right/,
    );
    assert.notEqual(ofText("a\nb", "a\nb\nc"), null);
    assert.notEqual(ofText("a.b", "axb"), null);
  });

  it("takes … for any text in a line, and for any lines", () => {
    assert.equal(ofText("home …/x\n…\nend", "home /tmp/x\nmany\nlines\nend"), null);
    assert.equal(ofText("a\n…\nend", "a\nend"), null);
    assert.notEqual(ofText("home …/x", "home /tmp\n/x"), null);
  });

  it("takes … for any text under its key in JSON", () => {
    assert.equal(ofJson('{"p":{"id":"…"},"v":"1"}', '{"p":{"id":"xyz.1"},"v":"1"}'), null);
    assert.notEqual(ofJson('{"p":{"id":"…"},"v":"1"}', '{"p":{"id":7},"v":"1"}'), null);
    assert.notEqual(ofJson('{"p":{"id":"…"},"v":"1"}', '{"p":{"id":"xyz.1"},"v":"2"}'), null);
  });

  it("lets numbers differ in JSON, and nothing else", () => {
    assert.equal(ofJson('{"a": [1, 2], "b": "x"}', '{"a":[0.5,-1],"b":"x"}\n'), null);
    assert.notEqual(ofJson('{"a":[1,2]}', '{"a":[1]}'), null);
    assert.notEqual(ofJson('{"v":"1"}', '{"v":"2"}'), null);
    assert.match(ofJson("{}", "oops") ?? "", /got \(no JSON\) oops/);
  });
});
