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

  it("takes the more urgent first, whatever its deadline, and by deadline within a level", () => {
    const script = ["urge 3", "job late 0 5000 0 1", "urge 2", "job usual 1 9000 0 1", "urge 1"];
    const urgent = ["job far 2 80000 0 1", "job near 3 9000 0 1"];
    const turns = new Array<string>(4).fill("turn 10 0");
    assert.deepEqual(run(...script, ...urgent, ...turns), ["near", "far", "usual", "late"]);
  });

  it("starves no level: a job is passed by none that came two seconds a level after it", () => {
    // One urgent job for each turn of 10 ms, for twelve seconds: all that the engine can do.
    const script = ["urge 5", "job e 0 -1 0 1", "urge 3", "job c 0 -1 0 1", "urge 2"];
    script.push("job b 0 -1 0 1", "urge 1");
    const turnUs = 10_000;
    for (let turn = 0; turn < 1200; turn += 1) {
      const now = turn * turnUs;
      script.push(`job a ${now} -1 0 1`, `turn ${now} 0`);
    }
    const order = run(...script);
    const seconds = (name: string) => (order.indexOf(name) * turnUs) / 1e6;
    assert.deepEqual([seconds("b"), seconds("c"), seconds("e")].map(Math.round), [2, 4, 8]);
    // And what is more urgent than they are waits for none of them before.
    assert.deepEqual(order.slice(0, 200), new Array<string>(200).fill("a"));
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

  it("grows a batch while that keeps all of it in time, with some to spare", () => {
    const learnt = ["learn 1 1 1100", "learn 1 11 2100"];
    const jobs = ["job a 0 2000 1 1", "job b 1 9000 3 1", "job c 2 9000 3 1"];
    assert.deepEqual(run(...learnt, "cost 1 4", "cost 1 7"), ["1371", "1685"]);
    assert.deepEqual(run(...learnt, ...jobs, "turn 0 16", "turn 0 16"), ["a b", "c"]);
    const tight = ["job a 0 9000 3 1", "job b 1 9100 1 1", "job c 2 9200 30 1"];
    assert.deepEqual(run(...learnt, ...tight, "turn 7700 64"), ["a"]);
  });

  it("spares half of the time where a larger run saves nothing", () => {
    const learnt = ["learn 1 1 1000", "learn 1 2 2000"];
    const jobs = Array.from({ length: 6 }, (_, index) => `job ${index} 0 9000 1 1`);
    assert.deepEqual(run(...learnt, ...jobs, "turn 100 16"), ["0 1 2 3"]);
  });

  it("runs the first of its kind alone, unless nobody is in a hurry", () => {
    const hurried = ["job a 0 9000 1 1", "job b 1 9000 1 1"];
    assert.deepEqual(run(...hurried, "turn 2 8", "learn 1 1 100", "turn 3 8"), ["a", "b"]);
    const patient = ["job a 0 -1 1 1", "job b 1 -1 1 1"];
    assert.deepEqual(run(...patient, "turn 2 8"), ["a b"]);
  });

  it("gives up what could not be done in time even alone, and goes on with the next", () => {
    const known = ["learn 1 1 1000", "run 1 5000"];
    const jobs = ["job a 0 6499 1 1", "job b 0 6500 1 1", "job c 0 8000 1 1", "job d 0 6100 1 2"];
    assert.deepEqual(run(...known, ...jobs, "turn 5500 8", "turn 5500 8", "turn 5500 8"), [
      "d",
      "b/a",
      "c",
    ]);
    const both = ["job a 0 5100 1 1", "job b 0 5200 1 1"];
    assert.deepEqual(run(...known, ...both, "turn 5000 8", "turn 5000 8"), ["/a b", "empty"]);
  });

  it("leaves a hopeless job out of another's batch", () => {
    const known = ["learn 1 1 100", "learn 1 1 100", "run 1 5000"];
    const jobs = ["job a 0 5150 1 1", "job large 0 5160 2 1", "job c 0 9000 1 1"];
    assert.deepEqual(run(...known, ...jobs, "turn 5000 8", "turn 5100 8"), ["a", "c/large"]);
  });

  it("runs a hopeless job alone where none was run for four times its cost", () => {
    const known = ["learn 1 1 1000", "run 1 5000"];
    const jobs = ["job a 0 9100 1 1", "job b 0 9101 1 1", "job c 0 20000 1 1"];
    assert.deepEqual(run(...known, ...jobs, "turn 9000 8", "turn 9001 8"), ["a", "c/b"]);
    assert.deepEqual(run(...known, ...jobs, "turn 8999 8"), ["c/a b"]);
  });

  it("predicts the wait by what is due before, at the size of batch that was seen", () => {
    const one = ["learn 1 1 1000", "run 1 0"];
    const jobs = Array.from({ length: 8 }, (_, index) => `job a 0 ${100_000 + index} 1 1`);
    assert.deepEqual(run(...one, ...jobs, "offer z 0 100010 1 1"), ["8000 in"]);
    assert.deepEqual(run(...one, ...jobs, "offer z 0 50000 1 1"), ["0 in"]);
    assert.deepEqual(run(...jobs, "offer z 0 100010 1 1"), ["0 in"]);
    // A run of 8 rows costs little more than one of 1.
    const stacked = Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0 ? "learn 1 1 1000" : "learn 1 8 1100",
    );
    const [wait = ""] = run(...stacked, ...jobs, "offer z 0 100010 1 1");
    assert.ok(Number.parseInt(wait, 10) < 1500, wait);
  });

  it("counts the waiting work of every kind, and no longer what was taken", () => {
    const known = ["learn 1 1 1000", "learn 2 1 10000"];
    const jobs = ["job a 0 90000 1 1", "job b 0 99000 2 2", "job c 0 107000 1 1"];
    assert.deepEqual(run(...known, ...jobs, "offer y 0 100000 1 1"), ["21000 in"]);
    const script = [...known, ...jobs, "turn 0 8", "withdraw b"];
    assert.deepEqual(run(...script, "offer z 0 200000 1 1"), ["a c", "b", "0 in"]);
  });

  it("refuses on arrival what would spend most of its time waiting", () => {
    const known = ["learn 1 1 1000", "job a 0 9000 4 1"];
    // 4 ms of wait and 1 ms of its own are half of 10 ms.
    assert.deepEqual(run(...known, "offer z 5000 14900 1 1"), ["4000 overload"]);
    assert.deepEqual(run(...known, "offer z 5000 15100 1 1"), ["4000 in"]);
    assert.deepEqual(run(...known, "offer z 5000 -1 1 1"), ["4000 in"]);
    // Nothing waits: however tight, and given up later if need be.
    assert.deepEqual(run("learn 1 1 1000", "offer z 0 1100 1 1"), ["0 in"]);
  });

  it("learns a line through what runs cost, per key, and forgets slowly", () => {
    assert.deepEqual(run("cost 1 4", "learn 1 2 100", "cost 1 4", "cost 2 4"), ["0", "200", "0"]);
    const sized = (runs: number, costUs: number) =>
      Array.from({ length: runs }, (_, index) => `learn 1 ${1 + (index % 2)} ${costUs}`);
    const [soon = ""] = run(...sized(50, 600), ...sized(20, 900), "cost 1 2");
    assert.ok(Number(soon) > 650 && Number(soon) < 800, soon);
    const [late = ""] = run(...sized(50, 600), ...sized(400, 900), "cost 1 2");
    assert.ok(Number(late) > 890, late);
  });

  it("believes a run that was far below its prediction", () => {
    const dear = new Array<string>(100).fill("learn 1 1 100000");
    const cheap = new Array<string>(6).fill("learn 1 1 1000");
    const [cost = ""] = run(...dear, ...cheap, "cost 1 1");
    assert.ok(Number(cost) < 5000, cost);
  });

  it("takes runs of nearly one size for a cost by the row", () => {
    const noisy = Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0 ? "learn 1 20 200000" : "learn 1 21 190000",
    );
    const [one = "", forty = ""] = run(...noisy, "cost 1 1", "cost 1 40");
    assert.ok(Number(one) < 30_000, one);
    assert.ok(Number(forty) > 340_000, forty);
  });

  it("knows what one row costs of the cheapest kind, as it is learned", () => {
    const script = [
      "cheapest",
      "learn 1 2 800",
      "run 3 5",
      "cheapest",
      "learn 2 1 100",
      "cheapest",
    ];
    assert.deepEqual(run(...script), ["0", "400", "100"]);
    // Key 2 is forgotten as the 64 that follow come.
    const later = Array.from({ length: 64 }, (_, key) => `learn ${key + 10} 1 700`);
    assert.deepEqual(run(...script, ...later, "cheapest").at(-1), "700");
  });

  it("keeps only the keys that were used last", () => {
    const many = Array.from({ length: 70 }, (_, key) => `learn ${key} 1 100`);
    assert.deepEqual(run(...many, "cost 5 1", "cost 6 1", "cost 69 1"), ["0", "100", "100"]);
  });

  it("halves what is refused until one bad job is alone, in order", () => {
    assert.deepEqual(run("batch abCdefgh", "batch abcdE", "batch Ab", "batch a"), [
      "abCdefgh abCd ab Cd C d efgh 8",
      "abcdE abc dE d E 5",
      "Ab A b 2",
      "a 1",
    ]);
    const one = "a".repeat(64).split("");
    one[63] = "B";
    const parts = run(`batch ${one.join("")}`)[0]?.split(" ") ?? [];
    assert.equal(parts.length - 1, 13);
  });

  it("stops halving where more are bad than one or two", () => {
    // Of eight, what is refused as the fifth or later goes one by one.
    const all = "ABCDEFGH ABCD AB A B CD C D EFGH E F G H 8";
    assert.deepEqual(run("batch ABCDEFGH"), [all]);
    for (const [jobs, mostRuns] of [
      [64, 64 + 13],
      [1024, 1024 + 21],
    ] as const) {
      for (const letters of ["A".repeat(jobs), "Ab".repeat(jobs / 2), "aB".repeat(jobs / 2)]) {
        const parts = run(`batch ${letters}`)[0]?.split(" ") ?? [];
        assert.equal(parts.at(-1), String(jobs));
        assert.ok(parts.length - 1 <= mostRuns, `${parts.length - 1} runs of ${jobs}`);
      }
    }
  });

  it("takes a batch apart at once where the graph mixes rows", () => {
    assert.deepEqual(run("mixed abcd"), ["abcd a b c d 4"]);
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
