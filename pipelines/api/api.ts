import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import { type FastifyError, type FastifyInstance, type FastifyRequest, fastify } from "fastify";
import { sql } from "kysely";
import { isLoopback } from "../../server/lib/local-host.ts";
import type { Logger } from "../../server/lib/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { FeedCursorError } from "../outlets/feed-cursor.ts";
import { ApiError } from "./api-error.ts";
import type { ApiParts } from "./api-parts.ts";
import { addFeedRoutes } from "./feed-routes.ts";
import type { Action, Gatekeeper } from "./gatekeeper.ts";
import { assertExposure, assertLocalHost } from "./host-rule.ts";
import { addOutletRoutes } from "./outlet-routes.ts";
import { addRunRoutes } from "./run-routes.ts";
import { addTriggerRoutes } from "./trigger-routes.ts";
import { WaitingRoom } from "./waiting-room.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** probe: open to everyone. A route without one asks for admin. */
    readonly action?: Action | "probe";
  }
}

export interface ApiOptions extends ApiParts {
  readonly config: {
    readonly home: string;
    readonly host: string;
    readonly insecure: boolean;
    /** 0 takes a free one. */
    readonly pipelinesPort: number;
  };
  readonly gatekeeper: Gatekeeper;
  readonly metrics: Pick<Metrics, "apiAnswered">;
  readonly log: Logger;
}

export interface Api {
  readonly port: number;
  /** Ends waiting polls with what they have, and connections that do not end within 5 s. */
  close(): Promise<void>;
}

const BODY_BYTES = 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

/**
 * The project API on `config.host`:`pipelinesPort`.
 * @throws Error when that would open it to the network without keys, or cannot be bound
 */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { config, gatekeeper } = options;
  assertExposure(config, !gatekeeper.isOpen);
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    genReqId: () => randomUUID(),
  });
  const room = new WaitingRoom();
  addGuards(app, options);
  addAnswers(app, options);
  addProbes(app, options);
  addFeedRoutes(app, options, room);
  addRunRoutes(app, options);
  addOutletRoutes(app, options);
  addTriggerRoutes(app, options);
  await listen(app, config.host, config.pipelinesPort);
  return {
    port: (app.server.address() as AddressInfo).port,
    async close() {
      room.close();
      const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await app.close();
      clearTimeout(timer);
    },
  };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot serve the API on ${host}:${port}: ${problem}`);
  }
}

function addGuards(app: FastifyInstance, { config, gatekeeper }: ApiOptions): void {
  const isLocalOnly = gatekeeper.isOpen && isLoopback(config.host);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...SECURITY_HEADERS, "x-request-id": request.id });
    if (isLocalOnly) assertLocalHost(request.headers, config.host);
    const action = actionOf(request);
    if (action !== "probe") admit(gatekeeper, request, action);
  });
  // No route takes a body; an empty one may come with any content type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(new ApiError(400, "no route here takes a body"), undefined);
  });
}

function actionOf(request: FastifyRequest): Action | "probe" {
  if (request.is404) return "read";
  return request.routeOptions.config.action ?? "admin";
}

function admit(gatekeeper: Gatekeeper, request: FastifyRequest, action: Action): void {
  const principal = gatekeeper.authenticate({ authorization: authorizationOf(request) });
  if (principal === null) {
    const wanted = "'Authorization: Bearer slc_…' or 'X-API-Key: slc_…'";
    throw new ApiError(401, `no known key came; send ${wanted}`, { "www-authenticate": "Bearer" });
  }
  if (gatekeeper.authorise(principal, action)) return;
  throw new ApiError(403, `'${principal.id}' may not do this; it needs role ${action}`);
}

/** As at the server: x-api-key counts where there is no authorization, of whatever scheme. */
function authorizationOf({ headers }: FastifyRequest): string | null {
  const key = headers["x-api-key"];
  return headers.authorization ?? (key === undefined ? null : `Bearer ${key}`);
}

function addAnswers(app: FastifyInstance, { metrics, log }: ApiOptions): void {
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404).send({ error: `no route ${request.method} ${pathOf(request)}` });
  });
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const { status, message, headers } = describe(error);
    if (status >= 500) {
      log.error({ requestId: request.id, err: error.message }, "a request failed");
    }
    void reply.code(status).headers(headers).send({ error: message });
  });
  app.addHook("onResponse", async (request, reply) => {
    metrics.apiAnswered(request.routeOptions.url ?? "(none)", reply.statusCode);
  });
}

function describe(error: FastifyError | Error): Pick<ApiError, "status" | "message" | "headers"> {
  if (error instanceof ApiError) return error;
  if (error instanceof FeedCursorError) return { status: 400, message: error.message, headers: {} };
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status < 500) return { status, message: error.message, headers: {} };
  return { status: 500, message: "the request failed; the log says why", headers: {} };
}

function pathOf(request: FastifyRequest): string {
  return (request.url.split("?")[0] ?? "").slice(0, 200);
}

function addProbes(app: FastifyInstance, { store }: ApiOptions): void {
  const probe = { config: { action: "probe" } } as const;
  app.get("/healthz", probe, (_request, reply) => reply.send({ ok: true }));
  app.get("/readyz", probe, async (_request, reply) => {
    try {
      await sql`SELECT 1 FROM runs LIMIT 1`.execute(store);
    } catch {
      throw new ApiError(503, "the store does not answer");
    }
    return reply.send({ ready: true });
  });
}
