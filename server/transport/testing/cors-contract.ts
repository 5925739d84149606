import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { READ_HEADERS } from "../http/request-headers.ts";
import { ask, inferBody, StreamClient } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";

const APP = "https://app.example";
const PATH = "/v2/models/double/infer";
/** Headers that no page can set (Fetch standard, forbidden request-headers). */
const SET_BY_BROWSERS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "access-control-request-method",
  "content-length",
  "host",
  "origin",
  "sec-websocket-protocol",
  "transfer-encoding",
]);
const FOREIGN = ["https://app.example.evil.test", "http://app.example", `${APP}:8443`, "null"];

/** Web pages of other origins: those of the list may read answers, all others are as before. */
export function corsContract(rig: Rig): void {
  const preflight = (port: number, origin: string) =>
    ask(port, PATH, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
  describe("cross-origin requests", () => {
    test("a preflight of a listed origin is answered without a key", () =>
      serve(rig, { needsKey: true, allowedHosts: "any", corsOrigins: [APP] }, async ({ port }) => {
        const { status, headers, bytes } = await preflight(port, APP);
        assert.equal(status, 200);
        assert.equal(bytes.byteLength, 0);
        assert.equal(headers["access-control-allow-origin"], APP);
        assert.equal(headers["access-control-allow-methods"], "GET, POST");
        const allowed = String(headers["access-control-allow-headers"]).split(", ");
        for (const name of ["content-type", ...READ_HEADERS]) {
          assert.equal(allowed.includes(name), !SET_BY_BROWSERS.has(name), name);
        }
        assert.equal(headers["access-control-allow-credentials"], undefined);
        assert.equal(headers["vary"], "origin");
      }));

    test("answers, errors too, are open to a listed origin, with the headers of our API", () =>
      serve(rig, { needsKey: true, allowedHosts: "any", corsOrigins: [APP] }, async ({ port }) => {
        const headers = { origin: APP, "x-api-key": "infer-key" };
        const good = await ask(port, PATH, { headers, body: inferBody([2]) });
        assert.deepEqual(good.json.outputs[0].data, [4]);
        const denied = await ask(port, PATH, { headers: { origin: APP }, body: inferBody([2]) });
        assert.equal(denied.status, 401);
        for (const answer of [good, denied]) {
          assert.equal(answer.headers["access-control-allow-origin"], APP);
          const exposed = String(answer.headers["access-control-expose-headers"]).split(", ");
          for (const name of ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy"]) {
            assert.ok(exposed.includes(name), name);
          }
          assert.equal(answer.headers["access-control-allow-credentials"], undefined);
        }
      }));

    test("an origin that is not on the list gets nothing, exact as the list is", () =>
      serve(rig, { allowedHosts: "any", corsOrigins: [APP] }, async ({ port }) => {
        for (const origin of FOREIGN) {
          const before = await preflight(port, origin);
          assert.equal(before.status, 405, origin);
          const answer = await ask(port, PATH, { headers: { origin }, body: inferBody([2]) });
          assert.equal(answer.status, 200);
          for (const each of [before, answer]) {
            const names = Object.keys(each.headers).filter((name) => /^access-control/.test(name));
            assert.deepEqual(names, [], origin);
          }
        }
      }));

    test("without keys, a listed origin is served, and the loopback rule holds for the rest", () =>
      serve(rig, { corsOrigins: [APP] }, async ({ port }) => {
        const from = (origin: string, host: string) =>
          ask(port, PATH, { headers: { origin, host }, body: inferBody([2]) });
        assert.equal((await from(APP, "localhost")).status, 200);
        for (const origin of FOREIGN) {
          assert.equal((await from(origin, "localhost")).json.code, "permission-denied", origin);
        }
        assert.equal((await from(APP, "app.example")).json.code, "permission-denied");
      }));

    test("without keys, a listed origin may not steer, a local one may", () =>
      serve(rig, { corsOrigins: [APP] }, async ({ port, context }) => {
        const load = (origin: string) =>
          ask(port, "/v2/repository/models/double/load", {
            method: "POST",
            headers: { origin, host: "localhost" },
            body: "{}",
          });
        const refused = await load(APP);
        assert.equal(refused.json.code, "permission-denied");
        assert.match(refused.json.error, /without keys/);
        const logLevel = {
          method: "POST",
          headers: { origin: APP, host: "localhost" },
          body: "{}",
        };
        assert.equal((await ask(port, "/v2/logging", logLevel)).json.code, "permission-denied");
        assert.deepEqual(context.steered, []);
        assert.equal((await load("http://localhost:3000")).status, 200);
        assert.equal(context.steered.length, 1);
      }));

    test("the same list admits WebSockets", () =>
      serve(rig, { corsOrigins: [APP] }, async ({ port }) => {
        const stream = await new StreamClient(port, "/v2/stream", { origin: APP }).settled();
        assert.equal(stream.refused, null);
        stream.ws.terminate();
        for (const origin of FOREIGN) {
          const refused = await new StreamClient(port, "/v2/stream", { origin }).settled();
          assert.equal(refused.refused?.json.code, "permission-denied", origin);
        }
      }));
  });
}
