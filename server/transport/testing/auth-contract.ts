import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ROLES } from "../../access/principal.ts";
import { ask, RawClient, StreamClient } from "./clients.ts";
import { KEYS } from "./fake-context.ts";
import { type Rig, serve } from "./rig.ts";
import { ROUTES, type RouteEntry } from "./route-table.ts";

type Expected = "served" | 401 | 403;

function expected(entry: RouteEntry, key: string | null): Expected {
  if (entry.action === "probe") return "served";
  const known = key === null ? undefined : KEYS[key];
  if (known === undefined) return 401;
  const isModelAllowed =
    entry.model === null || known.models.includes("*") || known.models.includes(entry.model);
  const isRoleEnough = ROLES.indexOf(known.role) >= ROLES.indexOf(entry.action);
  return isModelAllowed && isRoleEnough ? "served" : 403;
}

/** Who may do what, and which heads are refused before anything else. */
export function authContract(rig: Rig): void {
  describe("access", () => {
    test("every route x no, bad, weak, other-model and good key, in both headers", () =>
      serve(rig, { needsKey: true }, async ({ port }) => {
        for (const entry of ROUTES) {
          for (const key of CANDIDATES) await expectAccess(port, entry, key);
        }
      }));

    test("the index lists only what the key is for", () =>
      serve(rig, { needsKey: true }, async ({ port }) => {
        const names = async (key: string) => {
          const headers = { "x-api-key": key };
          const { json } = await ask(port, "/v2/repository/index", { body: "", headers });
          return new Set(json.map((entry: { name: string }) => entry.name));
        };
        assert.deepEqual([...(await names("double-key"))], ["double"]);
        assert.ok((await names("read-key")).has("echo"));
      }));

    test("every stream route x every key at the upgrade", () =>
      serve(rig, { needsKey: true }, async ({ port }) => {
        for (const entry of ROUTES.filter((each) => each.path.endsWith("/stream"))) {
          for (const key of CANDIDATES) await expectUpgrade(port, entry, key);
        }
      }));

    test("no route is reached without a key by spelling it otherwise", () =>
      serve(rig, { needsKey: true }, async ({ port }) => {
        const spellings = [
          "/v2/models/%65cho",
          "/v2//models/echo",
          "//v2",
          "/V2",
          "/v2;a",
          "/v2/health/live/../../models/echo",
        ];
        for (const path of spellings) {
          const client = new RawClient(port);
          client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
          const [answer] = await client.answers(1);
          assert.match(answer ?? "", /^HTTP\/1\.1 40[14] /, path);
          client.destroy();
        }
      }));

    test("two heads in one are refused and the connection closed", () =>
      serve(rig, {}, async ({ port }) => {
        const doubled = [
          "Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3",
          "Host: localhost\r\nContent-Length: 2\r\nContent-Length: 2",
          "Host: localhost\r\nHost: localhost\r\nContent-Length: 2",
          "Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
          "Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 2",
          "Host: localhost\r\nTransfer-Encoding: gzip, chunked",
          "Host: localhost\r\nContent-Length: 0x2",
          "Host: localhost\r\nX-Api-Key: a\r\nX-Api-Key: b\r\nContent-Length: 2",
        ];
        for (const head of doubled) {
          const client = new RawClient(port);
          client.write(`POST /v2/models/double/infer HTTP/1.1\r\n${head}\r\n\r\n{}`);
          const [answer] = await client.answers(1);
          assert.match(answer ?? "", /^HTTP\/1\.1 400 /, head);
          await client.waitClosed();
        }
      }));

    test("a malformed Inference-Header-Content-Length is 400", () =>
      serve(rig, {}, async ({ port }) => {
        for (const bad of ["-1", "abc", "1e3", "9999999", "99999999999999999999"]) {
          const reply = await ask(port, "/v2/models/double/infer", {
            body: "{}",
            headers: { "inference-header-content-length": bad },
          });
          assert.equal(reply.status, 400, bad);
          assert.equal(reply.json.code, "invalid-argument", bad);
        }
      }));

    test("without keys, only loopback names are served: DNS rebinding", () =>
      serve(rig, {}, async ({ port }) => {
        const status = async (headers: Record<string, string>) =>
          (await ask(port, "/v2", { headers })).status;
        for (const host of [
          "localhost",
          "LOCALHOST:1",
          "127.0.0.1:80",
          "127.9.9.9",
          "[::1]:8000",
        ]) {
          assert.equal(await status({ host }), 200, host);
        }
        for (const host of [
          "evil.example",
          "127.0.0.1.evil.example",
          "localhost.evil.example:80",
          "0.0.0.0",
          "127.0.0.999",
        ]) {
          assert.equal(await status({ host }), 403, host);
        }
        assert.equal(await status({ origin: "http://localhost:3000" }), 200);
        assert.equal(await status({ origin: "https://evil.example" }), 403);
        assert.equal(await status({ origin: "null" }), 403);
        const stream = new StreamClient(port, "/v2/stream", { host: "evil.example" });
        assert.equal((await stream.settled()).refused?.status, 403);
      }));

    test("with allowedHosts any, every Host is served; a WebSocket's Origin must still be its Host", () =>
      serve(rig, { allowedHosts: "any" }, async ({ port }) => {
        const reply = await ask(port, "/v2", {
          headers: { host: "api.example", origin: "http://b" },
        });
        assert.equal(reply.status, 200);
        const upgrade = async (origin: string) => {
          const client = await new StreamClient(port, "/v2/stream", {
            host: "api.example",
            origin,
          }).settled();
          client.ws.terminate();
          return client.refused?.status ?? 101;
        };
        assert.equal(await upgrade("https://api.example"), 101);
        assert.equal(await upgrade("http://localhost:3000"), 101);
        assert.equal(await upgrade("https://evil.example"), 403);
        assert.equal(await upgrade("null"), 403);
      }));
  });
}

const CANDIDATES: readonly (string | null)[] = [null, "nobodys-key", ...Object.keys(KEYS)];

async function expectAccess(port: number, entry: RouteEntry, key: string | null): Promise<void> {
  const { method, body } = entry;
  const want = expected(entry, key);
  for (const headers of headersFor(key)) {
    const reply = await ask(
      port,
      entry.path,
      body === null ? { method, headers } : { method, headers, body },
    );
    const what = `${method} ${entry.path} with ${JSON.stringify(headers)}`;
    assert.equal(reply.status, want === "served" ? entry.status : want, what);
    assert.equal(reply.headers["www-authenticate"], want === 401 ? "Bearer" : undefined, what);
  }
}

function headersFor(key: string | null): readonly Record<string, string>[] {
  if (key === null) return [{}, { authorization: "Basic YTpi" }];
  return [{ authorization: `Bearer ${key}` }, { "x-api-key": key }];
}

async function expectUpgrade(port: number, entry: RouteEntry, key: string | null): Promise<void> {
  const client = new StreamClient(port, entry.path, key === null ? {} : { "x-api-key": key });
  await client.settled();
  assert.equal(client.refused?.status ?? "served", expected(entry, key), `${entry.path} ${key}`);
  client.ws.terminate();
}
