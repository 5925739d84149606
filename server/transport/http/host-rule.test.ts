import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HostRule } from "./host-rule.ts";
import type { HttpOptions } from "./http-options.ts";
import { RequestHeaders } from "./request-headers.ts";

const OPTIONS: HttpOptions = {
  host: "10.1.2.3",
  port: 0,
  tls: null,
  corsOrigins: [],
  maxBodyBytes: 1,
  bodyTimeoutMs: 1,
  allowedHosts: "loopback",
  maxStreamInflight: 1,
  compressFromBytes: 4096,
  jsonNonFinite: "reject",
  maxStreamEgressBytes: 1,
};

function headersOf(values: Readonly<Record<string, string>>): RequestHeaders {
  const headers = new RequestHeaders();
  for (const [name, value] of Object.entries(values)) headers.add(name, value);
  return headers;
}

describe("host rule", () => {
  const rule = new HostRule(OPTIONS);
  const assertAllowed = (values: Readonly<Record<string, string>>) =>
    rule.assertAllowed(headersOf(values));

  it("refuses a foreign name however often a local one came before", () => {
    for (const host of ["localhost:8000", "127.0.0.1", "[::1]:80", "10.1.2.3:8000"]) {
      assertAllowed({ host });
      assertAllowed({ host });
      for (const foreign of ["example.org", "localhost.example.org", "127.0.0.1.example.org", ""]) {
        assert.throws(() => assertAllowed({ host: foreign }), { code: "permission-denied" });
        assert.throws(() => assertAllowed({ host: foreign }), { code: "permission-denied" });
      }
    }
  });

  it("judges the origin of each request", () => {
    const host = "localhost";
    assertAllowed({ host, origin: "http://127.0.0.1:3000" });
    assert.throws(() => assertAllowed({ host, origin: "http://example.org" }), {
      code: "permission-denied",
    });
    assert.throws(() => assertAllowed({ host, origin: "null" }), { code: "permission-denied" });
  });

  it("asks for a host, and takes any where any is allowed", () => {
    assert.throws(() => assertAllowed({}), { code: "invalid-argument" });
    new HostRule({ ...OPTIONS, allowedHosts: "any" }).assertAllowed(
      headersOf({ host: "example.org" }),
    );
  });
});
