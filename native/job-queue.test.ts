import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findProgram, needs } from "../server/testing/skip.ts";

const SOURCES = fileURLToPath(new URL("../../native/", import.meta.url));

describe("the queue's policy", needs("compiler"), () => {
  let folder = "";
  let program = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-queue-"));
    program = join(folder, "print-job-order");
    const compiler = process.env["CXX"] ?? findProgram("g++") ?? "clang++";
    const [command = "", ...flags] = compiler.split(" ");
    const source = join(SOURCES, "testing/print-job-order.cc");
    const include = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", join(SOURCES, "src")];
    execFileSync(command, [...flags, ...include, source, "-o", program]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What the program prints for these lines. */
  const run = (...script: readonly string[]): string[] => {
    const { status, stdout } = spawnSync(program, { input: script.join("\n"), encoding: "utf8" });
    assert.equal(status, 0);
    return stdout.trimEnd().split("\n");
  };

  it("takes the earliest deadline first, ties by arrival", () => {
    const jobs = ["job a 0 300 0 1", "job b 1 100 0 1", "job c 2 200 0 1", "job d 3 100 0 1"];
    const turns = new Array<string>(5).fill("turn 10 0");
    assert.deepEqual(run(...jobs, ...turns), ["b", "d", "c", "a", "empty"]);
  });

  it("lets nobody wait longer than the ageing for being young or undemanding", () => {
    const patient = "job patient 0 -1 0 1";
    const urgent = "job urgent 200000 260000 0 1";
    const later = "job later 200000 240000 0 1";
    assert.deepEqual(run(patient, urgent, "turn 200001 0"), ["patient"]);
    assert.deepEqual(run(patient, later, "turn 200001 0"), ["later"]);
  });

  it("stacks equal keys while the rows fit, and looks past what does not fit", () => {
    const jobs = [
      "job a 0 -1 3 1",
      "job b 1 -1 1 2",
      "job c 2 -1 4 1",
      "job d 3 -1 5 1",
      "job e 4 -1 1 1",
    ];
    assert.deepEqual(run(...jobs, "turn 10 8", "turn 10 8", "turn 10 8", "turn 10 8"), [
      "a c e",
      "b",
      "d",
      "empty",
    ]);
    assert.deepEqual(run(...jobs, "turn 10 0", "turn 10 1", "turn 10 5"), ["a", "b", "c e"]);
  });

  it("runs a job of more rows than fit alone, and what cannot be stacked too", () => {
    const jobs = ["job a 0 -1 9 1", "job b 1 -1 0 1", "job c 2 -1 1 1", "job d 3 -1 1 1"];
    assert.deepEqual(run(...jobs, "turn 9 8", "turn 9 8", "turn 9 8"), ["a", "b", "c d"]);
  });

  it("lets nobody join who would make another late", () => {
    const learnt = ["learn 1 1 1100", "learn 1 11 2100", "cost 1 5"];
    const jobs = ["job a 0 1500 1 1", "job b 1 9000 3 1", "job c 2 9000 3 1"];
    assert.deepEqual(run(...learnt, ...jobs, "turn 0 16", "turn 0 16"), ["1500", "a b", "c"]);
    const hopeless = ["job a 0 500 1 1", "job b 1 9000 3 1"];
    assert.deepEqual(run(...learnt, ...hopeless, "turn 0 16"), ["1500", "a b"]);
    const tight = ["job a 0 9000 3 1", "job b 1 9100 1 1", "job c 2 9200 30 1"];
    assert.deepEqual(run(...learnt, ...tight, "turn 7700 64"), ["1500", "a"]);
  });

  it("learns a line through what runs cost, per key, and forgets slowly", () => {
    assert.deepEqual(run("cost 1 4", "learn 1 2 100", "cost 1 4", "cost 2 4"), ["0", "200", "0"]);
    const cheap = (runs: number) =>
      Array.from({ length: runs }, (_, index) => `learn 1 ${1 + (index % 2)} 50`);
    const dear = ["learn 1 1 9000", "learn 1 2 9000"];
    const [soon = ""] = run(...dear, ...cheap(20), "cost 1 2");
    assert.ok(Number(soon) > 500, soon);
    assert.deepEqual(run(...dear, ...cheap(400), "cost 1 2"), ["50"]);
  });

  it("keeps only the keys that were used last", () => {
    const many = Array.from({ length: 70 }, (_, key) => `learn ${key} 1 100`);
    assert.deepEqual(run(...many, "cost 5 1", "cost 6 1", "cost 69 1"), ["0", "100", "100"]);
  });

  it("gives up what expired, and what is withdrawn", () => {
    const jobs = ["job a 0 100 1 1", "job b 0 -1 1 1", "job c 0 50 1 2", "job d 0 101 1 1"];
    assert.deepEqual(run(...jobs, "expired 100", "withdraw d", "turn 101 8", "turn 101 8"), [
      "c a",
      "d",
      "b",
      "empty",
    ]);
  });
});
