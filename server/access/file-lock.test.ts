import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { withFileLock } from "./file-lock.ts";

const run = promisify(execFile);
const MODULE = new URL("./file-lock.js", import.meta.url).href;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-lock-"));
});
after(() => rmSync(folder, { recursive: true }));

describe("the file lock", () => {
  it("lets one in at a time within a process", async () => {
    const path = join(folder, "one");
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside++;
      most = Math.max(most, inside);
      await Promise.resolve();
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, work)));
    assert.equal(most, 1);
  });

  it("loses no increment of a counter that several processes raise", async () => {
    const path = join(folder, "counter");
    writeFileSync(path, "0");
    const code = `
      import { readFileSync, writeFileSync } from "node:fs";
      const { withFileLock } = await import(${JSON.stringify(MODULE)});
      const path = ${JSON.stringify(path)};
      for (let at = 0; at < 25; at++) await withFileLock(path, () => {
        writeFileSync(path, String(Number(readFileSync(path, "utf8")) + 1));
      });`;
    const args = ["--input-type=module", "--eval", code];
    await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, args)));
    assert.equal(readFileSync(path, "utf8"), "100");
    const locks = readdirSync(folder).filter((name) => name.startsWith("counter.lock."));
    assert.ok(locks.length <= 2, `old locks are deleted: ${locks}`);
  });

  it("is free again when its holder was killed", async () => {
    const path = join(folder, "killed");
    const code = `
      const { withFileLock } = await import(${JSON.stringify(MODULE)});
      setInterval(() => null, 1e6);
      await withFileLock(${JSON.stringify(path)}, () => { process.stdout.write("held"); return new Promise(() => null); });`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", code]);
    await once(holder.stdout, "data");
    await assert.rejects(
      withFileLock(path, () => null, 50),
      /killed is locked by another process; if none is running, delete .*killed\.lock\.1/,
    );
    holder.kill("SIGKILL");
    await once(holder, "exit");
    assert.equal(await withFileLock(path, () => "mine"), "mine");
  });

  it("is released when the work throws", async () => {
    const path = join(folder, "throws");
    await assert.rejects(
      withFileLock(path, () => {
        throw new Error("no");
      }),
      /^Error: no$/,
    );
    assert.equal(await withFileLock(path, () => 1, 0), 1);
  });

  it("trusts no process number of another machine, nor one that was given out again", async () => {
    const elsewhere = join(folder, "elsewhere");
    const owner = { host: `not-${hostname()}`, pid: 2 ** 30, startedAt: null };
    writeFileSync(`${elsewhere}.lock.7`, JSON.stringify(owner));
    await assert.rejects(
      withFileLock(elsewhere, () => null, 30),
      /elsewhere\.lock\.7/,
    );
    const reused = join(folder, "reused");
    const before = { host: hostname(), pid: process.pid, startedAt: "1" };
    writeFileSync(`${reused}.lock.3`, JSON.stringify(before));
    assert.equal(await withFileLock(reused, () => 1, 0), 1);
  });

  it("gives way when others were faster than its look at the folder", async (test) => {
    const path = join(folder, "slow");
    const readFile = fs.readFileSync;
    writeFileSync(`${path}.lock.3`, "free");
    test.after(syncBuiltinESMExports);
    // While it reads that number 3 is free, 4 was held and released, and 5 is held now.
    test.mock.method(fs, "readFileSync", (file: string, encoding: BufferEncoding) => {
      if (file === `${path}.lock.3`) {
        const holder = { host: `not-${hostname()}`, pid: 1, startedAt: null };
        writeFileSync(`${path}.lock.5`, JSON.stringify(holder));
        rmSync(`${path}.lock.3`);
        return "free";
      }
      return readFile(file, encoding);
    });
    syncBuiltinESMExports();
    let isIn = false;
    const taking = withFileLock(
      path,
      () => {
        isIn = true;
      },
      30,
    );
    await assert.rejects(taking, /slow\.lock\.5/);
    assert.equal(isIn, false);
    assert.ok(!readdirSync(folder).includes("slow.lock.4"), "what it created is gone");
  });
});
