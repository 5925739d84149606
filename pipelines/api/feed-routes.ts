import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type FeedPage, type FeedParts, hasRowsAfter, readFeed } from "../outlets/polled-feed.ts";
import { ApiError } from "./api-error.ts";
import type { ApiParts } from "./api-parts.ts";
import { assertKnown, integerOf, type Query, textOf } from "./query.ts";
import type { WaitingRoom } from "./waiting-room.ts";

const ROWS = { min: 1, max: 10_000, otherwise: 1000 };
const WAIT_SECS = { min: 0, max: 30, otherwise: 0 };
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const MS_PER_SECOND = 1000;

/** Outlets of kind feed, for polling. */
export function addFeedRoutes(app: FastifyInstance, parts: ApiParts, room: WaitingRoom): void {
  const config = { action: "read" } as const;
  app.get<{ Querystring: Query }>("/v1/feeds", { config }, (request, reply) => {
    assertKnown(request.query, []);
    return reply.send({ feeds: listFeeds(parts) });
  });
  app.get<{ Params: { name: string }; Querystring: Query }>(
    "/v1/feeds/:name",
    { config },
    async (request, reply) => {
      const { query } = request;
      assertKnown(query, ["cursor", "limit", "waitSecs"]);
      const feed = feedParts(parts, request.params.name);
      const rows = integerOf(query, "limit", ROWS);
      const waitSecs = integerOf(query, "waitSecs", WAIT_SECS);
      const cursor = textOf(query, "cursor");
      let page = await readFeed(feed, cursor, { rows, bytes: MAX_PAGE_BYTES });
      if (page.lines.length === 0 && waitSecs > 0) {
        const gone = goneSignal(request, reply);
        await room.waitFor(() => hasRowsAfter(feed, cursor), waitSecs * MS_PER_SECOND, gone);
        page = await readFeed(feed, cursor, { rows, bytes: MAX_PAGE_BYTES });
      }
      return sendPage(reply, request, feed.outlet, page);
    },
  );
}

function listFeeds(parts: ApiParts) {
  return Object.entries(parts.project().outlets)
    .filter(([, outlet]) => outlet.kind === "feed")
    .map(([name, { dataset }]) => ({ name, dataset, href: `/v1/feeds/${name}` }));
}

function feedParts({ project, store, rows }: ApiParts, name: string): FeedParts {
  const outlets = project().outlets;
  const outlet = Object.hasOwn(outlets, name) ? outlets[name] : undefined;
  if (outlet?.kind === "feed") return { store, rows, outlet: name, dataset: outlet.dataset };
  throw new ApiError(404, `no feed '${name.slice(0, 64)}'; GET /v1/feeds lists them`);
}

function goneSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const { socket } = request.raw;
  const onClose = () => gone.abort();
  if (socket.destroyed) gone.abort();
  socket.once("close", onClose);
  reply.raw.once("finish", () => socket.off("close", onClose));
  return gone.signal;
}

/** Rows never change, so that a page is what its end is. */
function sendPage(
  reply: FastifyReply,
  request: FastifyRequest<{ Querystring: Query }>,
  outlet: string,
  { lines, nextCursor, hasMore }: FeedPage,
): FastifyReply {
  const etag = `"${nextCursor}${hasMore ? "+" : ""}"`;
  const next = new URLSearchParams({ cursor: nextCursor });
  for (const name of ["limit", "waitSecs"]) {
    const value = textOf(request.query, name);
    if (value !== null) next.set(name, value);
  }
  reply.headers({
    etag,
    "cache-control": "private, no-cache",
    "sluice-next-cursor": nextCursor,
    "sluice-has-more": String(hasMore),
    link: `</v1/feeds/${outlet}?${next.toString()}>; rel="next"`,
  });
  if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
  return reply.type("application/x-ndjson").send(lines.map((line) => `${line}\n`).join(""));
}

/** If-None-Match of RFC 9110 §13.1.2, compared weakly. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === etag);
}
