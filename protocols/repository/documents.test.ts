import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import {
  DocumentError,
  EMPTY_INDEX,
  parseIndex,
  parseManifest,
  serializeDocument,
} from "./documents.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

it("an index written is the index read", () => {
  const index = {
    schemaVersion: 1 as const,
    generation: 3,
    models: {
      m: { versions: { "2": { manifestSha256: "a".repeat(64) } }, aliases: { champion: 2 } },
    },
    removed: ["old"],
  };
  const read = parseIndex(serializeDocument(index));
  assert.deepEqual(JSON.parse(JSON.stringify(read)), index);
});

it("look-ups by name find nothing of Object's own", () => {
  for (const index of [EMPTY_INDEX, parseIndex(serializeDocument(EMPTY_INDEX))]) {
    assert.equal(index.models["toString"], undefined);
  }
});

it("refuses names that are reserved or could be paths, and aliases that look like versions", () => {
  const entry = { versions: { "1": { manifestSha256: "a".repeat(64) } }, aliases: {} };
  const withModels = (models: object) => encode({ ...EMPTY_INDEX, models });
  assert.throws(() => parseIndex(withModels({ constructor: entry })), /not a legal model name/);
  assert.throws(() => parseIndex(withModels({ "a..b": entry })), /not a legal model name/);
  assert.throws(() => parseIndex(withModels({ "a/b": entry })), DocumentError);
  const numbered = { m: { ...entry, aliases: { "1": 1 } } };
  assert.throws(() => parseIndex(withModels(numbered)), DocumentError);
  const removed = encode({ ...EMPTY_INDEX, removed: ["a..b"] });
  assert.throws(() => parseIndex(removed), /removed holds 'a\.\.b'/);
});

it("any JSON or bytes give a document or a DocumentError", () => {
  const isRefused = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof DocumentError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue().map(encode), fc.uint8Array()), (bytes) => {
      isRefused(() => parseIndex(bytes));
      isRefused(() => parseManifest("manifest.json", bytes));
    }),
  );
});
