import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { JobError } from "../jobs/job-error.ts";
import type { Feed } from "../project/project.ts";
import { createPullKit, type Pulled, type PullKit } from "./testing/pull-kit.ts";

type RestConnector = Extract<Feed["connector"], { kind: "rest" }>;
type Handler = (url: URL, request: IncomingMessage, response: ServerResponse) => unknown;

const ROWS = Array.from({ length: 7 }, (_, i) => ({ id: i + 1, name: `n${i + 1}` }));

describe("a feed of a REST API", () => {
  let kit: PullKit;
  let server: Server;
  let origin = "";
  let requests: string[] = [];
  /** Returns the answer's JSON, or writes the answer itself and returns undefined. */
  let handle: Handler = () => [];
  beforeEach(async () => {
    kit = createPullKit();
    requests = [];
    server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", origin);
      requests.push(url.pathname + url.search);
      const answer = handle(url, request, response);
      if (answer !== undefined) response.end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    kit.close();
    server.closeAllConnections();
    server.close();
  });

  function feedOf(connector: Partial<RestConnector>, more: Partial<Feed> = {}): Feed {
    const rest: RestConnector = {
      kind: "rest",
      url: `${origin}/rows`,
      records: "",
      pagination: { kind: "none" },
      timeoutSecs: 5,
      ...connector,
    };
    return { dataset: "orders", connector: rest, batchRows: 100_000, ...more };
  }
  const ids = (pulls: readonly Pulled[]) =>
    pulls.flatMap(({ rows }) => rows.map((row) => Number(row["id"])));
  const slice = (url: URL, from: number, size = 3) => {
    assert.equal(url.pathname, "/rows");
    return ROWS.slice(from, from + size);
  };
  const number = (url: URL, name: string) => Number(url.searchParams.get(name));

  const paginations: readonly (readonly [RestConnector["pagination"], Handler])[] = [
    [{ kind: "none" }, () => ({ data: { rows: ROWS } })],
    [
      { kind: "page", param: "p", first: 1, size: { param: "s", value: 100 } },
      // The server caps the size that it was asked for.
      (url) => ({ data: { rows: slice(url, (number(url, "p") - 1) * 3) } }),
    ],
    [
      { kind: "page", param: "p", first: 0 },
      (url, _, response) => {
        if (number(url, "p") < 3) return { data: { rows: slice(url, number(url, "p") * 3) } };
        response.writeHead(404).end("no such page");
        return undefined;
      },
    ],
    [
      { kind: "offset", param: "o", size: { param: "s", value: 5 } },
      (url) => ({ data: { rows: slice(url, number(url, "o"), 2) } }),
    ],
    [
      { kind: "cursor", param: "c", path: "meta.next" },
      (url) => {
        const from = number(url, "c");
        return { data: { rows: slice(url, from) }, meta: { next: from + 3 < 7 ? from + 3 : null } };
      },
    ],
    [
      { kind: "nextUrl", path: "next" },
      (url) => {
        const from = number(url, "from");
        return {
          data: { rows: slice(url, from) },
          ...(from + 3 < 7 && { next: `/rows?from=${from + 3}` }),
        };
      },
    ],
    [
      { kind: "linkHeader" },
      (url, _, response) => {
        const from = number(url, "from");
        const next = from + 3 < 7 ? `, <?a=1,2&from=${from + 3}>; title="x"; rel="next last"` : "";
        response.setHeader("link", `<${origin}/rows?from=0>; rel=first${next}`);
        return { data: { rows: slice(url, from) } };
      },
    ],
  ];
  for (const [pagination, handler] of paginations) {
    it(`reads every page: ${JSON.stringify(pagination)}`, async () => {
      handle = handler;
      const pulled = await kit.pull(feedOf({ pagination, records: "data.rows" }));
      assert.deepEqual(
        pulled.rows,
        ROWS.map(({ id, name }) => ({ id: `${id}`, name })),
      );
    });
  }

  it("refuses to go to another origin, with the bearer, by next URL or by redirect", async () => {
    kit.env = { TOKEN: "tell nobody" };
    const bearer = { env: "TOKEN" };
    handle = () => ({ rows: ROWS, next: "http://elsewhere.invalid/rows" });
    const pagination = { kind: "nextUrl", path: "next" } as const;
    await assert.rejects(
      kit.pull(feedOf({ bearer, pagination, records: "rows" })),
      new JobError(
        `the API at ${origin} leads to http://elsewhere.invalid: another origin is not followed`,
      ),
    );
    handle = (_, __, response) =>
      void response.writeHead(302, { location: "http://elsewhere.invalid/" }).end();
    await assert.rejects(kit.pull(feedOf({ bearer })), /another origin is not followed/);
    handle = (url, request, response) => {
      assert.equal(request.headers.authorization, "Bearer tell nobody");
      assert.equal(request.headers["x-team"], "a");
      if (url.pathname === "/moved") return ROWS;
      response.writeHead(307, { location: "/moved" }).end();
      return undefined;
    };
    assert.equal((await kit.pull(feedOf({ bearer, headers: { "x-team": "a" } }))).rows.length, 7);
  });

  it("finds pages that never end", async () => {
    handle = () => ROWS;
    const page = { kind: "page", param: "page", first: 1 } as const;
    await assert.rejects(
      kit.pull(feedOf({ pagination: page })),
      /gives the same page again and again/,
    );
    handle = () => ({ rows: [], next: "/rows" });
    const next = { kind: "nextUrl", path: "next" } as const;
    await assert.rejects(
      kit.pull(feedOf({ pagination: next, records: "rows" })),
      /gives the same page again/,
    );
    assert.ok(requests.length < 10);
  });

  it("tries again what passes, as the server asks", async () => {
    const answers = [429, 503, 0];
    handle = (_, request, response) => {
      const status = answers.shift();
      if (status === undefined) return ROWS;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status, { "retry-after": "0" }).end();
      return undefined;
    };
    assert.equal((await kit.pull(feedOf({}))).rows.length, 7);
    assert.equal(requests.length, 4);
  });

  it("leaves what does not pass for another pull; what is refused, for a person", async () => {
    const rejects = async (
      connector: Partial<RestConnector>,
      isTransient: boolean,
      message: RegExp,
    ) =>
      assert.rejects(kit.pull(feedOf(connector)), (error: JobError) => {
        assert.ok(error instanceof JobError, String(error));
        assert.equal(error.isTransient, isTransient);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /key=1/);
        return true;
      });
    const url = `${origin}/rows?key=1`;
    handle = (_, __, response) => void response.writeHead(503, { "retry-after": "0" }).end();
    await rejects({ url }, true, /is away: status 503, 5 attempts/);
    handle = (_, __, response) => void response.writeHead(429, { "retry-after": "3600" }).end();
    await rejects({ url }, true, /status 429, 1 attempts/);
    handle = (_, __, response) => void response.writeHead(401).end();
    await rejects({ url }, false, /answered 401; expected 200/);
    handle = (_, __, response) => void response.end("<html>");
    await rejects({ url }, false, /something else than JSON/);
    handle = () => ({ rows: [1] });
    await rejects({ url }, false, /expected an array at the answer, found a object/);
    await rejects({ url, records: "data" }, false, /expected an array at data, found nothing/);
    await rejects({ url, records: "rows" }, false, /expected objects as records, found a number/);
  });

  it("reads from the cursor less its lag; late rows come once, known ones not again", async () => {
    const row = (id: number, minute: number) => ({
      id,
      at: `2024-01-01T00:${String(minute).padStart(2, "0")}:00Z`,
    });
    let source = [row(2, 20), row(1, 10), row(3, 20)];
    handle = (url) => {
      const since = url.searchParams.get("since");
      return source.filter(({ at }) => since === null || at >= since);
    };
    const feed = feedOf(
      { cursor: { column: "at", lagSecs: 900 }, sinceParam: "since" },
      { batchRows: 2 },
    );
    const dataset = { key: ["id"] };
    assert.deepEqual(ids(await kit.drain(feed, dataset)), [1, 2, 3]);
    assert.equal(kit.state.cursor, "2024-01-01T00:20:00Z");
    source = [...source, row(4, 6), row(5, 4), row(6, 20), row(7, 30)];
    assert.deepEqual(ids(await kit.drain(feed, dataset)), [4, 6, 7]);
    assert.equal(requests.at(-1), "/rows?since=2024-01-01T00%3A05%3A00Z");
    assert.equal((await kit.pull(feed, dataset)).result.outcome, "empty");
    source = [{ id: 8 } as (typeof source)[number]];
    handle = () => source;
    await assert.rejects(
      kit.pull(feed, dataset),
      /1 records have no value in the cursor's column at/,
    );
    source = [{ id: 8, at: "yesterday" }];
    await assert.rejects(kit.pull(feed, dataset), /column at holds values that are no times/);
  });

  it("reads an API without a cursor whole, and each row as it is once", async () => {
    let source = [
      { id: 1, n: 1 },
      { id: 2, n: 1 },
      { id: 2, n: 1 },
      { id: 3, n: 1 },
    ];
    handle = () => source;
    const feed = feedOf({}, { batchRows: 3 });
    assert.deepEqual(ids(await kit.drain(feed, { key: ["id"] })), [1, 2, 2, 3]);
    source = [
      { id: 3, n: 1 },
      { id: 2, n: 9 },
      { id: 1, n: 1 },
    ];
    assert.deepEqual((await kit.pull(feed, { key: ["id"] })).rows, [{ id: "2", n: "9" }]);
    source = [];
    assert.equal((await kit.pull(feed, { key: ["id"] })).result.outcome, "empty");
  });

  it("types columns by their values; one that is left out comes without values", async () => {
    handle = () => [
      {
        i: 1,
        f: 1,
        b: true,
        t: "2024-01-01T00:00:00+01:00",
        s: "x",
        o: { a: [1] },
        m: 1,
        e: null,
        z: "007",
      },
      {
        i: 2,
        f: 1.5,
        b: false,
        t: "2024-01-02",
        s: "2024-01-01",
        o: null,
        m: "a",
        e: null,
        z: "1",
      },
    ];
    const { result, rows } = await kit.pull(feedOf({}));
    const types = Object.fromEntries(
      (result.batch?.schema ?? []).map(({ name, type }) => [name, type]),
    );
    assert.deepEqual(types, {
      i: "integer",
      f: "number",
      b: "boolean",
      t: "timestamp",
      s: "text",
      o: "text",
      m: "text",
      e: "text",
      z: "text",
    });
    assert.deepEqual(rows[0], {
      i: "1",
      f: "1.0",
      b: "true",
      t: "2023-12-31 23:00:00",
      s: "x",
      o: '{"a":[1]}',
      m: "1",
      e: null,
      z: "007",
    });
    handle = () => [{ i: 3 }];
    const second = await kit.pull(feedOf({}));
    assert.deepEqual(second.result.batch?.schema, result.batch?.schema);
    assert.deepEqual(Object.values(second.rows[0] ?? {}), [
      "3",
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it("refuses integers that JSON has rounded", async () => {
    handle = (_, __, response) => void response.end('[{"id":9007199254740993,"x":1e300}]');
    await assert.rejects(kit.pull(feedOf({})), /column id has integers beyond/);
    assert.equal(
      (await kit.pull(feedOf({}, { sanitise: { id: "drop" } }))).rows[0]?.["x"],
      "1e+300",
    );
  });

  it("refuses personal data, and takes it treated", async () => {
    handle = () => ROWS.map(({ id }) => ({ id, contact: `p${id}@example.org` }));
    const { result } = await kit.pull(feedOf({}));
    assert.equal(result.outcome, "refused");
    assert.match(result.problems[0] ?? "", /^column contact: 100 % of 7 values/);
    const masked = await kit.pull(feedOf({}, { sanitise: { contact: "mask" } }));
    assert.deepEqual(masked.rows[0], { id: "1", contact: "**********.org" });
  });

  it("says which secret is missing", async () => {
    await assert.rejects(
      kit.pull(feedOf({ bearer: { env: "TOKEN" } })),
      new JobError("the secret {env: TOKEN} is not set"),
    );
    assert.deepEqual(requests, []);
  });
});
