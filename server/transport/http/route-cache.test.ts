import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InferError } from "../../../protocols/core/status.ts";
import { RouteCache } from "./route-cache.ts";
import { route } from "./router.ts";

describe("RouteCache", () => {
  test("says what the router says, the first time and the second", () => {
    const routes = new RouteCache();
    const asked: readonly [string, string][] = [
      ["POST", "/v2/models/m/infer"],
      ["GET", "/v2/models/m/infer"],
      ["POST", "/v2/models/m/versions/3/infer"],
      ["POST", "/v2/models/m/versions/champion/infer?x=1"],
      ["POST", "/v2/models/m%2fx/infer"],
      ["POST", "/v2/models/%6d/infer"],
      ["GET", "/v2/health/live"],
      ["POST", "/v2/models/__proto__/infer"],
      ["POST", `/v2/models/m/infer?${"x".repeat(400)}`],
      ["GET", "/v2/models/m"],
    ];
    for (const [method, path] of [...asked, ...asked]) {
      const expected = route(method, path);
      const found = routes.find(method, path);
      if (expected instanceof InferError) {
        assert.ok(found instanceof InferError, path);
        assert.equal(found.message, expected.message);
      } else {
        assert.ok(!(found instanceof InferError), path);
        assert.deepEqual(found.route, expected);
      }
    }
  });

  test("asks leave for the model of the path", () => {
    const routes = new RouteCache();
    for (let i = 0; i < 2; i += 1) {
      const found = routes.find("POST", "/v2/models/m/infer");
      assert.ok(!(found instanceof InferError));
      assert.deepEqual(found.access, { action: "infer", model: "m" });
    }
  });

  test("remembers an inference path, and forgets it under many others", () => {
    const routes = new RouteCache();
    const first = routes.find("POST", "/v2/models/m/infer");
    assert.equal(routes.find("POST", "/v2/models/m/infer"), first);
    for (let i = 0; i < 1000; i += 1) routes.find("POST", `/v2/models/other${i}/infer`);
    assert.notEqual(routes.find("POST", "/v2/models/m/infer"), first);
    assert.deepEqual(routes.find("POST", "/v2/models/m/infer"), first);
  });

  test("remembers no long path and nothing that is refused", () => {
    const routes = new RouteCache();
    for (const path of [`/v2/models/m/infer?${"x".repeat(400)}`, "/v2/models/..x/infer"]) {
      assert.notEqual(routes.find("POST", path), routes.find("POST", path));
    }
  });
});
