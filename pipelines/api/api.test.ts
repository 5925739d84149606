import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { createLogger } from "../../server/lib/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import {
  createEgressWorld,
  type EgressWorld,
  projectWith,
} from "../outlets/testing/egress-world.ts";
import { type Api, type ApiOptions, createApi } from "./api.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { createOpenGatekeeper } from "./testing/open-gatekeeper.ts";
import { WaitingRoom } from "./waiting-room.ts";

const OUTLETS = {
  out: { kind: "feed", dataset: "scores" },
  hook: {
    kind: "webhook",
    dataset: "scores",
    url: "http://127.0.0.1:9/",
    secret: { env: "S" },
  },
} as const;

/** Keys `reader` and `boss`. */
const KEYS: Gatekeeper = {
  isOpen: false,
  authenticate: ({ authorization }) => {
    const id = authorization?.replace(/^Bearer /, "") ?? "";
    return id === "reader" || id === "boss" ? { id } : null;
  },
  authorise: ({ id }, action) => action === "read" || id === "boss",
};

describe("the project API", () => {
  let world: EgressWorld;
  let metrics: Metrics;
  let api: Api;
  const pulled: string[] = [];
  const trained: string[] = [];

  const options = (more: Partial<ApiOptions> = {}): ApiOptions => ({
    store: world.store,
    project: () => world.project,
    rows: world.rows,
    triggers: {
      pull: async (feed) => void pulled.push(feed),
      train: async (model) => void trained.push(model),
    },
    clock: Date.now,
    config: { home: world.home, host: "127.0.0.1", insecure: false, pipelinesPort: 0 },
    gatekeeper: createOpenGatekeeper("127.0.0.1"),
    metrics,
    log: createLogger("silent", "test"),
    ...more,
  });
  before(async () => {
    world = await createEgressWorld(OUTLETS);
    const feed = {
      dataset: "scores",
      connector: { kind: "files", path: "x/*.csv", format: "csv" },
      batchRows: 10,
    };
    const more = { feeds: { orders: feed }, models: { churn: {} } };
    world.project = { ...projectWith(OUTLETS), ...more } as unknown as typeof world.project;
    metrics = createMetrics(world.store);
    api = await createApi(options());
  });
  after(async () => {
    await api.close();
    await world.close();
  });

  const get = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${api.port}${path}`, init);
  const post = (path: string, init: RequestInit = {}) => get(path, { method: "POST", ...init });
  const errorOf = async (response: Response) => {
    const body = (await response.json()) as { error: string };
    assert.deepEqual(Object.keys(body), ["error"]);
    assert.ok(!body.error.includes("\n"));
    return body.error;
  };

  it("answers probes, and every answer carries the security headers", async () => {
    for (const path of ["/healthz", "/readyz", "/v1/feeds", "/v1/feeds/none", "/nowhere"]) {
      const response = await get(path);
      assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
      assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
      assert.ok(response.headers.get("x-request-id"));
      assert.equal(response.status, path.endsWith("z") || path === "/v1/feeds" ? 200 : 404);
    }
  });

  it("serves a feed page by page as NDJSON, with next cursor, link and ETag", async () => {
    await world.landNumbers("a", 0, 5);
    const list = await (await get("/v1/feeds")).json();
    assert.deepEqual(list, { feeds: [{ name: "out", dataset: "scores", href: "/v1/feeds/out" }] });
    const first = await get("/v1/feeds/out?limit=3");
    assert.equal(first.headers.get("content-type"), "application/x-ndjson; charset=utf-8");
    assert.equal(await first.text(), '{"n":0}\n{"n":1}\n{"n":2}\n');
    assert.equal(first.headers.get("sluice-has-more"), "true");
    const link = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const second = await get(link);
    assert.equal(await second.text(), '{"n":3}\n{"n":4}\n');
    assert.equal(second.headers.get("sluice-has-more"), "false");
    const etag = second.headers.get("etag") ?? "";
    const again = await get(link, { headers: { "if-none-match": `"x", W/${etag}` } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
    assert.equal(again.headers.get("sluice-next-cursor"), second.headers.get("sluice-next-cursor"));
  });

  it("holds a poll until rows land, or its time is over", async () => {
    const end = (await get("/v1/feeds/out")).headers.get("sluice-next-cursor") ?? "";
    const waiting = get(`/v1/feeds/out?cursor=${end}&waitSecs=30`);
    await world.landNumbers("b", 5, 1);
    assert.equal(await (await waiting).text(), '{"n":5}\n');
    const now = (await get("/v1/feeds/out")).headers.get("sluice-next-cursor") ?? "";
    const empty = await get(`/v1/feeds/out?cursor=${now}&waitSecs=1`);
    assert.deepEqual([empty.status, await empty.text()], [200, ""]);
    assert.equal(empty.headers.get("sluice-next-cursor"), now);
  });

  it("refuses what it does not understand, and says what it expects", async () => {
    const cases: readonly [string, number, RegExp][] = [
      ["/v1/feeds/out?cursor=zzz", 400, /cursor must be one that this feed gave out/],
      ["/v1/feeds/out?limit=0", 400, /'limit' must be a whole number from 1 to 10000, got "0"/],
      ["/v1/feeds/out?limit=1e3", 400, /'limit' must be/],
      ["/v1/feeds/out?waitSecs=31", 400, /'waitSecs' must be .* 0 to 30/],
      ["/v1/feeds/out?limit=1&limit=2", 400, /must come once/],
      ["/v1/feeds/out?lmit=1", 400, /'lmit' is not known; there are: cursor, limit, waitSecs/],
      ["/v1/feeds/hook", 404, /no feed 'hook'/],
      ["/v1/feeds/__proto__", 404, /no feed/],
      ["/v1/feeds/%2e%2e%2f", 404, /no feed/],
      ["/v1/runs?status=odd", 400, /one of queued, running, finished, failed/],
      ["/v1/runs?before=none", 400, /id of a run/],
      ["/v1/runs/none", 404, /no run 'none'/],
      ["/v1/events?after=-1", 400, /'after'/],
      ["/v1/outlets/out/dead", 404, /no webhook 'out'/],
    ];
    for (const [path, status, message] of cases) {
      const response = await get(path);
      assert.equal(response.status, status, path);
      assert.match(await errorOf(response), message);
    }
  });

  it("serves only loopback names when everybody is let in", async () => {
    const ask = (headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        httpRequest(
          { host: "127.0.0.1", port: api.port, path: "/v1/feeds", headers },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        )
          .on("error", reject)
          .end();
      });
    assert.equal(await ask({ host: "localhost:1" }), 200);
    assert.equal(await ask({ host: "[::1]:1", origin: "http://127.0.0.9:3" }), 200);
    for (const headers of [
      { host: "evil.example" },
      { host: "127.0.0.1.evil.example" },
      { host: "localhost", origin: "https://evil.example" },
      { host: "localhost", origin: "null" },
    ]) {
      assert.equal(await ask(headers as Record<string, string>), 403, JSON.stringify(headers));
    }
  });

  it("lists runs from the newest, pages them, and shows one whole", async () => {
    for (const [at, id] of ["r1", "r2", "r3"].entries()) {
      await world.store
        .insertInto("runs")
        .values({ ...RUN, id, key: id, created_at_ms: at === 2 ? 2 : 1 })
        .execute();
    }
    await world.store
      .insertInto("run_metrics")
      .values({ run_id: "r1", key: "auc", step: 0, value: 0.9, at_ms: 1 })
      .execute();
    await world.store
      .insertInto("edges")
      .values({ run_id: "r1", direction: "in", subject: "batch:a" })
      .execute();
    const page = async (query: string) => {
      const body = (await (await get(`/v1/runs?${query}`)).json()) as {
        runs: readonly { id: string }[];
        next: string | null;
      };
      return [body.runs.map(({ id }) => id), body.next];
    };
    assert.deepEqual(await page("limit=2"), [["r3", "r2"], "r2"]);
    assert.deepEqual(await page("limit=2&before=r2"), [["r1"], null]);
    assert.deepEqual(await page("kind=pull"), [[], null]);
    assert.deepEqual(await page("kind=train&status=finished&limit=3"), [["r3", "r2", "r1"], "r1"]);
    const run = (await (await get("/v1/runs/r1")).json()) as Record<string, unknown>;
    assert.deepEqual(run["metrics"], [{ key: "auc", step: 0, value: 0.9 }]);
    assert.deepEqual([run["inputs"], run["outputs"], run["gitDirty"]], [["batch:a"], [], true]);
    assert.deepEqual([run["params"], run["result"]], [{ trees: 5 }, { ok: 1 }]);
  });

  it("gives events after a number", async () => {
    const read = async (after: number) =>
      (await (await get(`/v1/events?after=${after}&limit=1`)).json()) as {
        events: readonly { seq: number; type: string; details: unknown }[];
        next: number;
      };
    const first = await read(0);
    assert.deepEqual(
      [first.events[0]?.seq, first.events[0]?.type, first.next],
      [1, "dataset.versioned", 1],
    );
    assert.deepEqual(await read(9999), { events: [], next: 9999 });
  });

  it("lets dead messages be tried again, and feeds be pulled now", async () => {
    await world.store.updateTable("outbox").set({ status: "dead", attempts: 10 }).execute();
    const { dead } = (await (await get("/v1/outlets/hook/dead")).json()) as {
      dead: readonly { id: string; attempts: number }[];
    };
    assert.equal(dead[0]?.attempts, 10);
    const retried = await post(`/v1/outlets/hook/dead/${dead[0]?.id}/retry`);
    assert.deepEqual(
      [retried.status, await retried.json()],
      [202, { id: dead[0]?.id, status: "pending" }],
    );
    assert.equal((await post(`/v1/outlets/hook/dead/${dead[0]?.id}/retry`)).status, 404);
    assert.equal((await post("/v1/feeds-in/orders/pull")).status, 202);
    assert.equal((await post("/v1/feeds-in/orders/pull", { body: "" })).status, 202);
    assert.equal((await post("/v1/feeds-in/none/pull")).status, 404);
    const train = await post("/v1/models/churn/train");
    assert.deepEqual([train.status, await train.json()], [202, { model: "churn" }]);
    assert.deepEqual(trained, ["churn"]);
    const none = await post("/v1/models/none/train");
    assert.match(await errorOf(none), /no model 'none' in the project file/);
    assert.equal((await post("/v1/feeds-in/orders/pull", { body: "{}" })).status, 400);
    assert.equal((await post("/v1/feeds-in/orders/pull", { body: "x".repeat(5000) })).status, 413);
    assert.deepEqual(pulled, ["orders", "orders"]);
  });

  it("asks for a key where there are keys, and for the role that the route needs", async () => {
    const keyed = await createApi(options({ gatekeeper: KEYS }));
    const askWith = async (path: string, headers: Record<string, string>, method = "GET") =>
      (await fetch(`http://127.0.0.1:${keyed.port}${path}`, { method, headers })).status;
    const ask = (path: string, key: string | null, method = "GET") =>
      askWith(path, key === null ? {} : { authorization: `Bearer ${key}` }, method);
    assert.deepEqual([await ask("/healthz", null), await ask("/readyz", null)], [200, 200]);
    for (const path of [
      "/v1/feeds",
      "/v1/feeds/out",
      "/v1/runs",
      "/v1/runs/r1",
      "/v1/events",
      "/v1/outlets/hook/dead",
    ]) {
      const statuses = [await ask(path, null), await ask(path, "wrong"), await ask(path, "reader")];
      assert.deepEqual(statuses, [401, 401, 200], path);
    }
    assert.deepEqual([await ask("/nowhere", null), await ask("/nowhere", "reader")], [401, 404]);
    for (const path of [
      "/v1/models/none/train",
      "/v1/feeds-in/none/pull",
      "/v1/outlets/hook/dead/none/retry",
    ]) {
      const statuses = [
        await ask(path, null, "POST"),
        await ask(path, "reader", "POST"),
        await ask(path, "boss", "POST"),
      ];
      assert.deepEqual(statuses, [401, 403, 404], path);
    }
    const known = { "x-api-key": "reader" };
    assert.equal(await askWith("/v1/runs", known), 200);
    assert.equal(await askWith("/v1/runs", { "x-api-key": "wrong" }), 401);
    assert.equal(await askWith("/v1/feeds-in/none/pull", known, "POST"), 403);
    for (const authorization of ["Bearer wrong", "Basic cmVhZGVyOg=="]) {
      assert.equal(await askWith("/v1/runs", { ...known, authorization }), 401, authorization);
    }
    await keyed.close();
  });

  it("is not opened to the network without keys, unless told", async () => {
    const config = { home: "/h", host: "0.0.0.0", insecure: false, pipelinesPort: 0 };
    await assert.rejects(
      createApi(options({ config })),
      /0\.0\.0\.0 can be reached from other machines and there are no keys: .*--insecure/,
    );
    const gatekeeper = createOpenGatekeeper("0.0.0.0");
    const open = await createApi(options({ config: { ...config, insecure: true }, gatekeeper }));
    const url = `http://127.0.0.1:${open.port}`;
    assert.equal((await fetch(`${url}/v1/feeds`)).status, 200);
    assert.equal((await fetch(`${url}/v1/feeds-in/orders/pull`, { method: "POST" })).status, 403);
    await open.close();
    await assert.rejects(
      createApi(options({ config: { ...config, host: "127.0.0.1", pipelinesPort: api.port } })),
      /cannot serve the API on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
  });

  it("ends waiting polls when it closes", async () => {
    let onAsked = (): void => undefined;
    const project = () => {
      onAsked();
      return world.project;
    };
    const short = await createApi(options({ project }));
    const url = `http://127.0.0.1:${short.port}/v1/feeds/out`;
    const cursor = (await fetch(url)).headers.get("sluice-next-cursor");
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const waiting = fetch(`${url}?cursor=${cursor}&waitSecs=30`);
    await asked;
    await short.close();
    const response = await waiting;
    assert.deepEqual([response.status, await response.text()], [200, ""]);
  });

  it("counts answers by the route's pattern", async () => {
    const text = await metricText(metrics);
    assert.match(text, /sluice_api_requests_total\{route="\/v1\/feeds\/:name",code="404"\} \d+/);
    assert.match(text, /sluice_api_requests_total\{route="\(none\)",code="404"\} \d+/);
    assert.doesNotMatch(text, /nowhere/);
  });
});

describe("the waiting room", () => {
  it("lets so many wait, and no more", async () => {
    const room = new WaitingRoom(1);
    const never = new AbortController().signal;
    const first = room.waitFor(async () => false, 60_000, never);
    await assert.rejects(
      room.waitFor(async () => false, 1, never),
      /1 requests wait for rows already/,
    );
    room.close();
    await first;
    await room.waitFor(async () => false, 60_000, never);
  });

  it("goes on when the rows are there, the client is gone, or the time is over", async () => {
    const room = new WaitingRoom();
    let looks = 0;
    const atSecondLook = async () => {
      looks += 1;
      return looks === 2;
    };
    await room.waitFor(atSecondLook, 60_000, new AbortController().signal);
    assert.equal(looks, 2);
    await room.waitFor(async () => false, 60_000, AbortSignal.abort());
    await room.waitFor(async () => false, 5, new AbortController().signal);
  });
});

function metricText(metrics: Metrics): Promise<string> {
  return metrics.registry.metrics();
}

const RUN = {
  kind: "train",
  subject: "model:m",
  status: "finished",
  reason: "test",
  spec_json: "{}",
  result_json: '{"ok":1}',
  error: null,
  attempts: 1,
  lost_attempts: 0,
  transient_attempts: 0,
  interrupted_attempts: 0,
  folder: null,
  not_before_ms: 0,
  started_at_ms: 1,
  ended_at_ms: 2,
  claimed_by: null,
  git_commit: null,
  git_dirty: 1,
  lockfile_sha256: null,
  config_sha256: "c",
  params_json: '{"trees":5}',
} as const;
