import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CAPTURE_FILE, OPEN_SUFFIX } from "../../../protocols/capture/capture-record.ts";
import { processSpace, startOf } from "../../lib/process-identity.ts";
import { adoptLeftovers, captureFileName, processTag } from "./capture-files.ts";
import { FolderSink, type FolderSinkOptions } from "./folder-sink.ts";
import { SinkError } from "./record-sink.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-capture-"));
});
after(() => rmSync(root, { recursive: true, force: true }));

const newFolder = () => mkdtempSync(join(root, "f-"));
const finished = (folder: string) => readdirSync(folder).filter((name) => CAPTURE_FILE.test(name));
const open = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(OPEN_SUFFIX));
const linesOf = (folder: string) =>
  finished(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n"));

function sinkOf(folder: string, options: Partial<FolderSinkOptions> = {}) {
  const adopted: string[] = [];
  const faults: unknown[] = [];
  const sink = new FolderSink({
    folder,
    fileSecs: 3600,
    fileBytes: 1 << 20,
    onFault: (thrown) => faults.push(thrown),
    onAdopted: (names) => adopted.push(...names),
    ...options,
  });
  return { sink, adopted, faults };
}

describe("the capture folder", () => {
  it("has no file while nothing is written, an open one meanwhile, a finished one after", async () => {
    const folder = newFolder();
    const { sink } = sinkOf(folder);
    assert.deepEqual(readdirSync(folder), []);
    await sink.write(["1", "2"]);
    await sink.write(["3"]);
    assert.deepEqual([open(folder).length, finished(folder).length], [1, 0]);
    await sink.close();
    assert.deepEqual([open(folder).length, finished(folder).length], [0, 1]);
    assert.deepEqual(linesOf(folder), ["1", "2", "3"]);
  });

  it("turns files over by size, in the order of writing", async () => {
    const folder = newFolder();
    const { sink } = sinkOf(folder, { fileBytes: 10 });
    const lines = Array.from({ length: 20 }, (_, i) => `line-${i}`);
    for (const line of lines) await sink.write([line]);
    await sink.close();
    assert.equal(finished(folder).length, 10);
    assert.deepEqual(linesOf(folder), lines);
  });

  it("turns files over by age", async () => {
    const folder = newFolder();
    const { sink, faults } = sinkOf(folder, { fileSecs: 0.05 });
    await sink.write(["old"]);
    while (finished(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await sink.write(["new"]);
    await sink.close();
    assert.deepEqual([linesOf(folder), faults], [["old", "new"], []]);
  });

  it("answers durable writes together, also over a rotation", async () => {
    const folder = newFolder();
    const { sink } = sinkOf(folder, { fileBytes: 4 });
    const durable = [sink.writeDurably(["a"]), sink.writeDurably(["b"])];
    await sink.write(["c"]);
    await Promise.all([...durable, sink.writeDurably(["d"])]);
    await sink.close();
    assert.deepEqual(linesOf(folder), ["a", "b", "c", "d"]);
  });

  it("says so when the disk refuses, without a path, and recovers", async () => {
    const folder = newFolder();
    const { sink } = sinkOf(folder);
    rmSync(folder, { recursive: true });
    const isRefusal = (error: unknown) =>
      error instanceof SinkError && error.message === "the disk refused (ENOENT)";
    await assert.rejects(sink.write(["lost"]), isRefusal);
    await assert.rejects(sink.writeDurably(["lost"]), isRefusal);
  });

  it("cuts off what a refused write left of a line", async () => {
    const folder = newFolder();
    const child = fileURLToPath(new URL("testing/write-until-refused.js", import.meta.url));
    // dash counts in blocks of 512 bytes, bash of 1024: more than a few lines either way.
    const command = `ulimit -f 64 && exec "${process.execPath}" "${child}" "${folder}"`;
    const { stdout } = await promisify(execFile)("sh", ["-c", command]);
    const [kept, ...refusal] = stdout.trim().split(" ");
    assert.equal(refusal.join(" "), "the disk refused (EFBIG)");
    const numbers = linesOf(folder).map((line) => JSON.parse(line).n);
    assert.deepEqual(numbers, [...numbers.keys()]);
    assert.equal(numbers.length, Number(kept));
    assert.ok(numbers.length > 4);
  });
});

describe("files that a dead process left open", () => {
  /** The tag of a process that has ended. */
  async function deadTag(): Promise<string> {
    const child = spawn("sleep", ["60"]);
    const tag = `${processSpace()}p${child.pid}s${startOf(child.pid ?? 0) ?? ""}`;
    child.kill("SIGKILL");
    await once(child, "exit");
    return tag;
  }
  const leave = (folder: string, tag: string, sequence: number, text: string) => {
    const name = captureFileName(1_700_000_000_000, tag, sequence);
    writeFileSync(join(folder, `${name}${OPEN_SUFFIX}`), text);
    return name;
  };

  it("are cut to whole lines and finished when a server starts on the folder", async () => {
    const folder = newFolder();
    const tag = await deadTag();
    const torn = leave(folder, tag, 1, 'a\nb\n{"kind":"predic');
    const long = leave(folder, tag, 2, `${"x".repeat(100_000)}\n${"y".repeat(200_000)}`);
    leave(folder, tag, 3, "never a line");
    leave(folder, tag, 4, "");
    const { sink, adopted } = sinkOf(folder);
    assert.deepEqual(adopted.sort(), [torn, long]);
    assert.deepEqual(readdirSync(folder).sort(), [torn, long]);
    assert.equal(readFileSync(join(folder, torn), "utf8"), "a\nb\n");
    assert.equal(statSync(join(folder, long)).size, 100_001);
    await sink.close();
  });

  it("are told from those of the living, of this machine and of others", async () => {
    const folder = newFolder();
    const child = spawn("sleep", ["60"]);
    try {
      const alive = `${processSpace()}p${child.pid}s${startOf(child.pid ?? 0) ?? ""}`;
      const reused = `${processSpace()}p${child.pid}s1`;
      const elsewhere = "00000000p1s1";
      leave(folder, alive, 1, "a\n");
      leave(folder, processTag(), 2, "b\n");
      const other = leave(folder, elsewhere, 3, "c\n");
      const replaced = leave(folder, reused, 4, "d\n");
      writeFileSync(join(folder, "notes.open"), "mine\n");
      assert.deepEqual(adoptLeftovers(folder, processTag(), Date.now()), [replaced]);
      const longAgo = Date.now() / 1000 - 600;
      utimesSync(join(folder, `${other}${OPEN_SUFFIX}`), longAgo, longAgo);
      assert.deepEqual(adoptLeftovers(folder, processTag(), Date.now()), [other]);
      assert.equal(open(folder).length, 3);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("keep a finished file as it is", () => {
    const folder = newFolder();
    const name = captureFileName(1, "x", 1);
    appendFileSync(join(folder, name), "whole\ntorn");
    assert.deepEqual(adoptLeftovers(folder, processTag(), Date.now()), []);
    assert.equal(readFileSync(join(folder, name), "utf8"), "whole\ntorn");
  });
});
