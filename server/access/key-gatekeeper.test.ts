import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import { createKeyGatekeeper, createOpenGatekeeper, type Denial } from "./key-gatekeeper.ts";
import { createKey, type KeyRecord, splitKey } from "./key-record.ts";

const NOW = Date.parse("2030-01-01T00:00:00Z");

function makeKey(change: Partial<KeyRecord> = {}): { record: KeyRecord; text: string } {
  const wanted = { name: "test", role: "infer", models: ["fraud-*"], expiresAt: null } as const;
  const { record, text } = createKey(wanted, new Date(NOW));
  return { record: { ...record, ...change }, text };
}

function gate(records: readonly KeyRecord[], clock: () => number = () => NOW) {
  const denials: Denial[] = [];
  const gatekeeper = createKeyGatekeeper(records, clock, (denial) => denials.push(denial));
  return { gatekeeper, denials };
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof InferError, String(error));
    return error.code;
  }
  return "ok";
}

describe("a key", () => {
  it("has a secret of 256 bits, and its record does not hold it", () => {
    const { record, text } = makeKey();
    const parts = splitKey(text);
    assert.ok(parts);
    assert.equal(parts.id, record.id);
    assert.equal(Buffer.from(parts.secret, "base64url").byteLength, 32);
    assert.ok(!JSON.stringify(record).includes(parts.secret));
    assert.notEqual(makeKey().text, text);
  });
});

describe("the key gatekeeper", () => {
  it("admits the holder of a key as what the record says", () => {
    const { record, text } = makeKey();
    const { gatekeeper, denials } = gate([makeKey().record, record]);
    const principal = gatekeeper.authenticate(text);
    assert.deepEqual(principal, {
      id: record.id,
      name: "test",
      role: "infer",
      models: ["fraud-*"],
    });
    gatekeeper.authorise(principal, "infer", "fraud-1");
    gatekeeper.authorise(principal, "probe", null);
    assert.deepEqual(denials, []);
  });

  it("knows a key again, and no other; not when it is expired, revoked or gone", () => {
    let nowMs = NOW;
    const expiresAt = new Date(NOW + 1000).toISOString();
    const { record, text } = makeKey({ expiresAt });
    const { gatekeeper, denials } = gate([record], () => nowMs);
    const ask = (key: string) => codeOf(() => gatekeeper.authenticate(key));
    assert.equal(gatekeeper.authenticate(text), gatekeeper.authenticate(text));
    const last = text.at(-1) === "A" ? "B" : "A";
    assert.equal(ask(`${text.slice(0, -1)}${last}`), "unauthenticated");
    nowMs = NOW + 1000;
    assert.equal(ask(text), "unauthenticated");
    nowMs = NOW;
    assert.equal(ask(text), "ok");
    gatekeeper.replace([{ ...record, revokedAt: expiresAt }]);
    assert.equal(ask(text), "unauthenticated");
    gatekeeper.replace([]);
    assert.equal(ask(text), "unauthenticated");
    gatekeeper.replace([{ ...record, name: "renamed" }]);
    assert.equal(gatekeeper.authenticate(text).name, "renamed");
    assert.equal(denials.length, 4);
  });

  it("works on records that came by message", () => {
    const { record, text } = makeKey();
    const { gatekeeper } = gate(structuredClone([record]));
    assert.equal(gatekeeper.authenticate(text).id, record.id);
  });

  it("refuses everything else alike, and reports each refusal once", () => {
    const { record, text } = makeKey();
    const { gatekeeper, denials } = gate([record]);
    const other = makeKey().text;
    const wrongSecret = `${text.split(".")[0]}.${other.split(".")[1]}`;
    const wrong = [
      null,
      "",
      "slc_",
      other,
      wrongSecret,
      `${text}x`,
      text.slice(0, -1),
      text.toUpperCase(),
      `Bearer ${text}`,
      "slc___proto__.x",
      "x".repeat(1_000_000),
    ];
    const messages = new Set<string>();
    for (const credential of wrong) {
      assert.throws(
        () => gatekeeper.authenticate(credential),
        (error: InferError) => {
          assert.equal(error.code, "unauthenticated");
          if (credential !== null) messages.add(error.message);
          return true;
        },
      );
    }
    assert.equal(messages.size, 1, "an unknown id cannot be told from a wrong secret");
    assert.equal(denials.length, wrong.length);
    for (const denial of denials) {
      assert.deepEqual(denial, {
        principal: "unauthenticated",
        action: null,
        model: null,
        code: "unauthenticated",
      });
    }
  });

  it("refuses a key from the moment it expires, and a revoked one", () => {
    let now = NOW;
    const expiring = makeKey({ expiresAt: new Date(NOW + 1000).toISOString() });
    const revoked = makeKey({ revokedAt: new Date(NOW).toISOString() });
    const { gatekeeper, denials } = gate([expiring.record, revoked.record], () => now);
    now = NOW + 999;
    gatekeeper.authenticate(expiring.text);
    now = NOW + 1000;
    assert.throws(() => gatekeeper.authenticate(expiring.text), /expired/);
    assert.throws(() => gatekeeper.authenticate(revoked.text), /revoked/);
    assert.deepEqual(
      denials.map(({ principal }) => principal),
      [expiring.record.id, revoked.record.id],
    );
  });

  it("stops an open stream when its key expires, is revoked, changed or taken away", () => {
    let now = NOW;
    const { record, text } = makeKey({ expiresAt: new Date(NOW + 1000).toISOString() });
    const { gatekeeper } = gate([record], () => now);
    const principal = gatekeeper.authenticate(text);
    const ask = () => codeOf(() => gatekeeper.authorise(principal, "infer", "fraud-1"));
    assert.equal(ask(), "ok");
    gatekeeper.replace([{ ...record, role: "read" }]);
    assert.equal(ask(), "permission-denied");
    gatekeeper.replace([{ ...record, revokedAt: new Date(NOW).toISOString() }]);
    assert.equal(ask(), "unauthenticated");
    gatekeeper.replace([]);
    assert.equal(ask(), "unauthenticated");
    gatekeeper.replace([record]);
    assert.equal(ask(), "ok");
    now = NOW + 1000;
    assert.equal(ask(), "unauthenticated");
  });

  it("reports who was denied what, with a bounded model name", () => {
    const { record, text } = makeKey();
    const { gatekeeper, denials } = gate([record]);
    const principal = gatekeeper.authenticate(text);
    assert.equal(
      codeOf(() => gatekeeper.authorise(principal, "admin", "fraud-1")),
      "permission-denied",
    );
    assert.equal(
      codeOf(() => gatekeeper.authorise(principal, "infer", "x".repeat(500))),
      "permission-denied",
    );
    const id = record.id;
    assert.deepEqual(denials, [
      { principal: id, action: "admin", model: "fraud-1", code: "permission-denied" },
      { principal: id, action: "infer", model: "x".repeat(128), code: "permission-denied" },
    ]);
  });
});

describe("the open gatekeeper", () => {
  it("admits everyone up to its role", () => {
    const denials: Denial[] = [];
    const gatekeeper = createOpenGatekeeper("infer", (denial) => denials.push(denial));
    for (const credential of [null, "anything"]) {
      const principal = gatekeeper.authenticate(credential);
      assert.equal(principal.id, "anonymous");
      assert.equal(
        codeOf(() => gatekeeper.authorise(principal, "infer", "m")),
        "ok",
      );
      assert.equal(
        codeOf(() => gatekeeper.authorise(principal, "admin", "m")),
        "permission-denied",
      );
    }
    assert.equal(denials.length, 2);
  });
});
