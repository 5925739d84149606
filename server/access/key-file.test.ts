import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { KeyFileError, keyFilePath, parseKeyFile, readKeyFile, updateKeyFile } from "./key-file.ts";
import { createKey, type KeyRecord } from "./key-record.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-keys-"));
});
after(() => rmSync(folder, { recursive: true }));

function makeRecord(name = "test"): KeyRecord {
  return createKey({ name, role: "infer", models: ["*"], expiresAt: null }, new Date(0)).record;
}

describe("the keys file", () => {
  it("is made with its folder, for its owner only, and reads back", async () => {
    const path = keyFilePath(join(folder, "new", "home"));
    const record = makeRecord();
    await updateKeyFile(path, () => [record]);
    assert.deepEqual(readKeyFile(path), [record]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
    await updateKeyFile(path, (records) => [...records, makeRecord()]);
    assert.equal(readKeyFile(path).length, 2);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("loses no change of many at once", async () => {
    const path = join(folder, "many.json");
    const names = Array.from({ length: 20 }, (_, at) => `k${at}`);
    await Promise.all(
      names.map((name) => updateKeyFile(path, (records) => [...records, makeRecord(name)])),
    );
    assert.deepEqual(
      readKeyFile(path)
        .map(({ name }) => name)
        .sort(),
      [...names].sort(),
    );
  });

  it("stays as it was when the change throws, and leaves no temporary file", async () => {
    const path = join(folder, "kept.json");
    await updateKeyFile(path, () => [makeRecord()]);
    const before = readFileSync(path, "utf8");
    await assert.rejects(
      updateKeyFile(path, () => {
        throw new Error("no");
      }),
      /^Error: no$/,
    );
    assert.equal(readFileSync(path, "utf8"), before);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("is not overwritten when it cannot be read", async () => {
    const path = join(folder, "broken.json");
    writeFileSync(path, "{");
    await assert.rejects(
      updateKeyFile(path, (records) => records),
      KeyFileError,
    );
    assert.equal(readFileSync(path, "utf8"), "{");
  });

  it("says where it does not fit, without showing what came", () => {
    const good = makeRecord();
    const fileOf = (...keys: unknown[]) => JSON.stringify({ schemaVersion: 1, keys });
    const cases: [string, RegExp][] = [
      ["nonsense", /expected JSON, got 8 characters/],
      ["[]", /expected \{"schemaVersion": 1/],
      ['{"schemaVersion":2,"keys":[]}', /expected \{"schemaVersion": 1/],
      [fileOf(good, 1), /keys\[1\] must be an object/],
      [fileOf({ ...good, id: "ABC" }), /keys\[0\]\.id must be 12 hexadecimal digits/],
      [
        fileOf({ ...good, sha256: "slc_oops" }),
        /keys\[0\]\.sha256 must be 64 hexa.*something else$/,
      ],
      [fileOf({ ...good, name: 1 }), /keys\[0\]\.name must be/],
      [fileOf({ ...good, role: "root" }), /keys\[0\]\.role must be one of read, infer, admin/],
      [fileOf({ ...good, models: [] }), /keys\[0\]\.models must be/],
      [fileOf({ ...good, models: ["a*b"] }), /keys\[0\]\.models must be/],
      [fileOf({ ...good, createdAt: "soon" }), /keys\[0\]\.createdAt must be a time/],
      [fileOf({ ...good, expiresAt: undefined }), /keys\[0\]\.expiresAt must be .* got nothing/],
      [fileOf({ ...good, revokedAt: 0 }), /keys\[0\]\.revokedAt must be a time or null/],
      [fileOf({ ...good, scope: "x" }), /keys\[0\] has the unknown field 'scope'/],
      [fileOf(good, good), /two keys have the same id/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parseKeyFile("keys.json", text), message);
    }
    assert.deepEqual(parseKeyFile("keys.json", fileOf(good)), [good]);
    assert.throws(
      () => readKeyFile(join(folder, "absent.json")),
      /no such file; 'sluice keys create'/,
    );
  });
});
