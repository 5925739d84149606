import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { InferError } from "../../../protocols/core/status.ts";
import { ROUTES, VERBS } from "../testing/route-table.ts";
import { routeAccess } from "./route-access.ts";
import { route } from "./router.ts";

describe("route", () => {
  test("every route of the table leads where the table says", () => {
    for (const entry of ROUTES) {
      const found = route(entry.method, `${entry.path}?x=/v2`);
      assert.ok(!(found instanceof InferError), entry.path);
      const { action, model } = routeAccess(found);
      assert.deepEqual({ action, model }, { action: entry.action, model: entry.model });
    }
  });

  test("models, versions and aliases are decoded once", () => {
    assert.deepEqual(route("POST", "/v2/models/a%2Eb/versions/%31/infer"), {
      kind: "infer",
      ref: { name: "a.b", version: "1" },
    });
    assert.deepEqual(route("GET", "/v2/models/m/versions/previous"), {
      kind: "model-metadata",
      ref: { name: "m", version: "previous" },
    });
    // A model may be called like a word of the path.
    assert.deepEqual(route("POST", "/v2/models/infer/infer"), {
      kind: "infer",
      ref: { name: "infer", version: null },
    });
    assert.deepEqual(route("GET", "/v2/models/versions/versions/1/ready"), {
      kind: "model-ready",
      ref: { name: "versions", version: "1" },
    });
  });

  test("what is no route says why", () => {
    const code = (method: string, path: string) => {
      const found = route(method, path);
      return found instanceof InferError ? found.code : found.kind;
    };
    const absent = [
      "",
      "*",
      "/",
      "/v1",
      "v2",
      "/v2/",
      "/v2/health",
      "/v2/health/live/",
      "/v2/models/m/",
    ];
    for (const path of absent) assert.equal(code("GET", path), "route-not-found", path);
    assert.equal(code("GET", "/v2/models/m/versions"), "route-not-found");
    assert.equal(code("GET", "/v2/models/m/versions/1/2"), "route-not-found");
    assert.equal(code("POST", "/v2/repository/models/m/reload"), "route-not-found");
    for (const name of [
      "..",
      "%2e%2e",
      ".m",
      "a%2fb",
      "a%00",
      "%",
      "%E4",
      "constructor",
      "x".repeat(129),
    ]) {
      assert.equal(code("GET", `/v2/models/${name}`), "invalid-argument", name);
    }
    for (const version of ["0", "01", "-1", "1.5", "1e3", "99999999999", "", "9lives"]) {
      assert.equal(code("GET", `/v2/models/m/versions/${version}`), "invalid-argument", version);
    }
    assert.equal(code("DELETE", "/v2/models/m"), "method-not-allowed");
  });

  test("any method and path: a route with a good name, or an InferError, and routes are few", () => {
    const segment = fc.oneof(
      fc.constantFrom("v2", "models", "versions", "infer", "ready", "health", "repository", "load"),
      fc.string({ maxLength: 8 }),
      fc.constantFrom("%2e", "%", "..", ""),
    );
    const path = fc.array(segment, { maxLength: 8 }).map((parts) => `/${parts.join("/")}`);
    const property = fc.property(fc.constantFrom(...VERBS), path, (method, text) => {
      const found = route(method, text);
      if (found instanceof InferError) return;
      const { model } = routeAccess(found);
      assert.ok(model === null || /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(model), text);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
