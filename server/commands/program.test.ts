import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CommanderError } from "commander";
import type { Io } from "./io.ts";
import { buildProgram, type Rooms } from "./program.ts";

/** Every room answers 0 and tells that it was entered, and with what. */
function enter(argv: readonly string[]) {
  const entered: (readonly [room: string, ...args: unknown[]])[] = [];
  const said = { out: "", err: "" };
  const sink = (to: "out" | "err") => ({
    write(text: string) {
      said[to] += text;
    },
  });
  const io: Io = { stdout: sink("out"), stderr: sink("err"), env: {}, cwd: "/nowhere" };
  const rooms = new Proxy({} as Rooms, {
    get:
      (_, room) =>
      async (...args: unknown[]) => {
        entered.push([String(room), ...args]);
        return 0;
      },
  });
  const program = buildProgram(io, rooms, () => undefined);
  const done = program.parseAsync(["node", "sluice", ...argv]);
  return { program, done, entered, said };
}

describe("the command line", () => {
  it("lists every command in --help, but for the one that only programs call", async () => {
    const { program, done, said } = enter(["--help"]);
    await assert.rejects(done, CommanderError);
    const names = program.commands.map((command) => command.name());
    assert.ok(names.length >= 20, names.join());
    const listed = names.filter((name) => new RegExp(`^  ${name}\\b`, "m").test(said.out));
    assert.deepEqual(
      names.filter((name) => !listed.includes(name)),
      ["job"],
    );
  });

  const CASES: readonly (readonly [argv: string, room: string, ...args: unknown[]])[] = [
    ["plan --json", "plan", true],
    ["run", "run", null],
    ["run churn", "run", "churn"],
    ["pipelines --pipelines-port 0", "pipelines"],
    ["up --home h", "up"],
    ["job train --folder f", "job", "train", "f"],
    ["runs show abc", "showRun", "abc", false],
    ["runs show abc --json", "showRun", "abc", true],
    ["runs --json show abc", "showRun", "abc", true],
    ["runs compare a b --json", "compareRuns", ["a", "b"], true],
    ["explain churn@2", "explain", "churn@2", false],
    [
      "explain --model churn --version 3 --api-key k --json",
      "explainModel",
      {
        model: "churn",
        version: "3",
        url: "http://127.0.0.1:8003",
        apiKey: "k",
        isJson: true,
      },
    ],
    ["lineage churn@2", "lineage", "churn@2", "text"],
    ["lineage churn@2 --mermaid", "lineage", "churn@2", "mermaid"],
    ["lineage churn@2 --json", "lineage", "churn@2", "json"],
    ["events --follow", "events", { limit: 50, isJson: false, isFollowing: true }],
  ];
  for (const [argv, room, ...args] of CASES) {
    it(`understands '${argv}'`, async () => {
      const { done, entered } = enter(argv.split(" "));
      await done;
      assert.equal(entered.length, 1);
      const [name, ...given] = entered[0] ?? [""];
      assert.equal(name, room);
      assert.deepEqual(given.slice(0, args.length), args);
    });
  }

  it("hands filters and places of 'runs' on", async () => {
    const { done, entered } = enter(
      "runs --kind train --status failed --limit 5 --home h".split(" "),
    );
    await done;
    const [, filter, inputs] = entered[0] ?? [];
    assert.deepEqual(filter, {
      kind: "train",
      subject: null,
      status: "failed",
      limit: 5,
      isJson: false,
    });
    assert.equal((inputs as { flags: Record<string, unknown> }).flags["home"], "h");
    const after = enter("runs show abc --home h".split(" "));
    await after.done;
    const shown = after.entered[0]?.[3] as { flags: Record<string, unknown> };
    assert.equal(shown.flags["home"], "h");
  });

  it("refuses what cannot be understood", async () => {
    for (const argv of [
      "runs --limit none",
      "runs --status done",
      "events --limit 0",
      "lineage x --json --mermaid",
      "runs compare",
      "explain",
      "explain churn@2 --model churn",
      "job train",
      "trian",
    ]) {
      const { done, entered, said } = enter(argv.split(" "));
      await assert.rejects(done, CommanderError, argv);
      assert.deepEqual(entered, []);
      assert.match(said.err, /^sluice: [^\n]+\n$/);
    }
  });
});
