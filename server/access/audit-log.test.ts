import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { AuditLogError, openAuditLog } from "./audit-log.ts";
import { type AuditEntry, type AuditRecord, canonicalJson } from "./audit-record.ts";
import { verifyAuditLog } from "./verify-audit-log.ts";

const run = promisify(execFile);
const clock = () => Date.parse("2030-01-01T00:00:00Z");

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-audit-"));
});
after(() => rmSync(folder, { recursive: true }));

function entryOf(target: string, details: AuditEntry["details"] = {}): AuditEntry {
  return { actor: "k1", action: "model.load", target, outcome: "ok", details };
}

function recordsOf(path: string): AuditRecord[] {
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as AuditRecord);
}

async function logWith(name: string, count: number): Promise<string> {
  const path = join(folder, name);
  const log = await openAuditLog(path, clock);
  for (let at = 1; at <= count; at++) await log.append(entryOf(`m${at}`));
  await log.close();
  return path;
}

describe("the audit log", () => {
  it("chains its records, for its owner only", async () => {
    const path = await logWith("chain", 3);
    const records = recordsOf(path);
    assert.deepEqual(
      records.map(({ seq, target, time }) => [seq, target, time]),
      ["m1", "m2", "m3"].map((target, at) => [at + 1, target, "2030-01-01T00:00:00.000Z"]),
    );
    assert.equal(records[0]?.prevSha256, "0".repeat(64));
    assert.equal(records[2]?.prevSha256, records[1]?.sha256);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await verifyAuditLog(path), {
      records: 3,
      headSha256: records[2]?.sha256,
      brokenAt: null,
    });
  });

  it("keeps the order of calls that do not wait, and goes on after a restart", async () => {
    const path = await logWith("order", 1);
    const log = await openAuditLog(path, clock);
    const calls = Array.from({ length: 10 }, (_, at) => log.append(entryOf(`n${at}`)));
    assert.deepEqual(
      (await Promise.all(calls)).map(({ seq }) => seq),
      [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
    assert.equal((await verifyAuditLog(path)).records, 11);
  });

  it("stays one chain when several processes append at once", async () => {
    const path = join(folder, "processes");
    const code = `
      const { openAuditLog } = await import(${JSON.stringify(new URL("./audit-log.js", import.meta.url).href)});
      const log = await openAuditLog(${JSON.stringify(path)}, Date.now);
      for (let at = 0; at < 10; at++)
        await log.append({ actor: String(process.pid), action: "a.b", target: null, outcome: "ok", details: { at } });`;
    const args = ["--input-type=module", "--eval", code];
    await Promise.all([1, 2, 3].map(() => run(process.execPath, args)));
    const verdict = await verifyAuditLog(path);
    assert.equal(verdict.brokenAt, null);
    assert.equal(verdict.records, 30);
    assert.equal(new Set(recordsOf(path).map(({ actor }) => actor)).size, 3);
  });

  it("opens a log longer than what it reads of it", async () => {
    const path = join(folder, "long");
    const log = await openAuditLog(path, clock);
    for (let at = 0; at < 12; at++) await log.append(entryOf("m", { filler: "x".repeat(20_000) }));
    const again = await openAuditLog(path, clock);
    assert.equal((await again.append(entryOf("end"))).seq, 13);
    assert.equal((await verifyAuditLog(path)).brokenAt, null);
  });

  it("moves a torn last line into a record that says so", async () => {
    const path = await logWith("torn", 2);
    const [first, second] = recordsOf(path);
    const whole = readFileSync(path, "utf8");
    // Every way in which the write of the second line can have stopped.
    const start = whole.indexOf("\n") + 1;
    for (const length of [start + 1, start + 40, whole.length - 2, whole.length - 1]) {
      writeFileSync(path, whole.slice(0, length));
      assert.equal((await verifyAuditLog(path)).brokenAt?.line, 2);
      const log = await openAuditLog(path, clock);
      await log.append(entryOf("after"));
      const [kept, repair, next] = recordsOf(path);
      assert.deepEqual(kept, first);
      assert.equal(repair?.action, "audit.repair");
      const torn = Buffer.from(String(repair?.details["tornBase64"]), "base64").toString();
      assert.equal(torn, whole.slice(start, length));
      assert.equal(next?.target, "after");
      assert.deepEqual((await verifyAuditLog(path)).brokenAt, null);
    }
    assert.equal(second?.target, "m2");
  });

  it("repairs a torn end longer than the repair", async () => {
    const path = await logWith("torn-long", 1);
    appendFileSync(path, "\0".repeat(100_000));
    await openAuditLog(path, clock);
    const verdict = await verifyAuditLog(path);
    assert.deepEqual([verdict.records, verdict.brokenAt], [2, null]);
    assert.equal(recordsOf(path)[1]?.details["tornBytes"], 100_000);
  });

  it("repairs what another process tore while it was open", async () => {
    const path = await logWith("torn-open", 1);
    const log = await openAuditLog(path, clock);
    appendFileSync(path, '{"seq":2,');
    assert.equal((await log.append(entryOf("after"))).seq, 3);
    assert.equal((await verifyAuditLog(path)).brokenAt, null);
  });

  it("does not go on after a record that was changed, taken out or cut off", async () => {
    const path = await logWith("tampered", 3);
    const open = await openAuditLog(path, clock);
    const whole = readFileSync(path, "utf8");
    const lines = whole.split("\n");
    writeFileSync(path, whole.replace('"m2"', '"mX"'));
    await assert.rejects(openAuditLog(path, clock), AuditLogError);
    writeFileSync(path, [lines[0], lines[2], ""].join("\n"));
    await assert.rejects(openAuditLog(path, clock), /has seq 3, expected 2/);
    writeFileSync(path, `${whole}{"seq":4}\n`);
    await assert.rejects(open.append(entryOf("m4")), /does not match its own sha256/);
    truncateSync(path, 10);
    await assert.rejects(open.append(entryOf("m4")), /shrank/);
  });

  it("refuses a record that is too long, and goes on", async () => {
    const path = await logWith("too-long", 1);
    const log = await openAuditLog(path, clock);
    await assert.rejects(log.append(entryOf("m", { text: "x".repeat(40_000) })), /beyond 32768/);
    assert.equal((await log.append(entryOf("m"))).seq, 2);
  });
});

describe("verifying an audit log", () => {
  it("finds every changed, removed, swapped or repeated line", async () => {
    const path = await logWith("verify", 5);
    const whole = readFileSync(path, "utf8");
    const lines = whole.split("\n").slice(0, -1);
    const cases: [string, readonly (string | undefined)[], number, RegExp][] = [
      ["changed", lines.with(2, lines[2]?.replace("m3", "m9") ?? ""), 3, /its own sha256/],
      ["removed", lines.toSpliced(2, 1), 3, /seq 4, expected 3/],
      ["swapped", [...lines.slice(0, 3), lines[4], lines[3]], 4, /seq 5, expected 4/],
      ["repeated", [...lines, lines[4]], 6, /seq 5, expected 6/],
      ["first gone", lines.slice(1), 1, /seq 2, expected 1/],
      ["not JSON", lines.with(1, "{"), 2, /is not JSON/],
      ["null", lines.with(1, "null"), 2, /is not a record/],
    ];
    for (const [name, changed, line, problem] of cases) {
      writeFileSync(path, `${changed.join("\n")}\n`);
      const verdict = await verifyAuditLog(path);
      assert.equal(verdict.brokenAt?.line, line, name);
      assert.match(verdict.brokenAt?.problem ?? "", problem, name);
      assert.equal(verdict.records, line - 1, name);
    }
  });

  it("finds a forged line that hashes well but does not continue the chain", async () => {
    const path = await logWith("forged", 2);
    const other = await logWith("forged-other", 0);
    const log = await openAuditLog(other, clock);
    await log.append(entryOf("x"));
    await log.append(entryOf("y"));
    const [mine] = readFileSync(path, "utf8").split("\n");
    const [, theirs] = readFileSync(other, "utf8").split("\n");
    writeFileSync(path, `${mine}\n${theirs}\n`);
    const { brokenAt } = await verifyAuditLog(path);
    assert.deepEqual(brokenAt, { line: 2, problem: "does not continue the record before it" });
  });

  it("hashes the same bytes whatever the order of keys", () => {
    assert.equal(
      canonicalJson({ b: 1, a: { d: [2, { z: 1, y: 2 }], c: null } }),
      '{"a":{"c":null,"d":[2,{"y":2,"z":1}]},"b":1}',
    );
  });
});
