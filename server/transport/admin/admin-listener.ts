import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { InferError, STATUS_TABLE, toInferError } from "../../../protocols/core/status.ts";
import { encodeErrorBody } from "../../../protocols/oip-rest/error-body.ts";
import type { Gatekeeper } from "../../access/gatekeeper.ts";
import type { Principal } from "../../access/principal.ts";
import { readCredential } from "../../access/read-credential.ts";
import { foreignHost, hostName, isLoopback, originHostName } from "../../lib/local-host.ts";
import type { Logger } from "../../lib/log.ts";
import type { AdminView } from "./admin-view.ts";
import { EventStreams, readLastId } from "./event-streams.ts";

export interface AdminListener {
  readonly port: number;
  close(): Promise<void>;
}

export interface AdminParts {
  readonly view: AdminView;
  readonly gatekeeper: Gatekeeper;
  readonly log: Logger;
}

const HOST = "127.0.0.1";
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;

interface AdminRequest {
  readonly url: URL;
  readonly principal: Principal;
  readonly lastEventId: number;
}

type Answer = (view: AdminView, request: AdminRequest) => unknown;

/** Every route needs the role admin, where there are keys. */
const ROUTES: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ["GET /v1/status", (view) => view.status()],
  ["GET /v1/models", (view) => ({ models: view.models() })],
  ["GET /v1/config", (view) => ({ settings: view.configuration() })],
  ["GET /v1/events", (view, { lastEventId }) => ({ events: view.eventsAfter(lastEventId) })],
  ["POST /v1/poll", (view, { principal }) => lookNow(view, principal)],
]);
const STREAM_ROUTE = "GET /v1/events/stream";

function lookNow(view: AdminView, { id }: Principal): object {
  view.lookNow(id);
  return { polling: true };
}

/**
 * The admin port: JSON over HTTP, on loopback whatever `host` says; reach it from elsewhere through
 * the machine's own door (ssh, kubectl port-forward). Runs on the control thread.
 * @param port 0 takes a free one
 * @throws Error naming the port when it cannot be bound
 */
export async function startAdminListener(parts: AdminParts, port: number): Promise<AdminListener> {
  const streams = new EventStreams(parts.view);
  const server = createServer((request, response) => {
    void serve(parts, streams, request, response);
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        streams.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Never rejects. */
async function serve(
  { view, gatekeeper, log }: AdminParts,
  streams: EventStreams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = randomUUID();
  response.setHeader("x-request-id", requestId);
  response.setHeader("cache-control", "no-store");
  // No body is expected; what comes is not kept.
  request.resume();
  try {
    assertLocal(request);
    const principal = gatekeeper.authenticate(readCredential((name) => headerOf(request, name)));
    gatekeeper.authorise(principal, "admin", null);
    const url = new URL(request.url ?? "/", `http://${HOST}`);
    const lastEventId = readLastId(
      headerOf(request, "last-event-id") ?? url.searchParams.get("after"),
    );
    const route = `${request.method} ${url.pathname}`;
    if (route === STREAM_ROUTE) {
      streams.open(response, lastEventId);
      return;
    }
    const answer = ROUTES.get(route) ?? findModelRoute(route);
    if (answer === null) throw missing(request.method ?? "", url.pathname);
    send(response, 200, JSON.stringify(await answer(view, { url, principal, lastEventId })));
  } catch (thrown) {
    const error = toInferError(thrown);
    if (error.code === "internal") log.error({ requestId, err: error.cause }, "admin call failed");
    if (error.code === "unauthenticated") response.setHeader("www-authenticate", "Bearer");
    send(response, STATUS_TABLE[error.code].http, encodeErrorBody(error, requestId));
  }
}

const MODEL_ROUTE = /^GET \/v1\/models\/([A-Za-z0-9._-]{1,128})(\/explain)?$/;

function findModelRoute(route: string): Answer | null {
  const [, name, isExplain] = MODEL_ROUTE.exec(route) ?? [];
  if (name === undefined) return null;
  if (isExplain !== undefined) {
    return (view, { url }) => view.explain(name, url.searchParams.get("version"));
  }
  return (view) => {
    const model = view.models().find((each) => each.name === name);
    if (model !== undefined) return model;
    throw new InferError("model-not-found", `no model is named '${name}'`);
  };
}

function missing(method: string, path: string): InferError {
  const other = [...ROUTES.keys(), STREAM_ROUTE].find((route) => route.endsWith(` ${path}`));
  if (other === undefined) {
    return new InferError(
      "route-not-found",
      "the admin port has /v1/status, models, events, config, poll",
    );
  }
  const allowed = other.slice(0, other.indexOf(" "));
  return new InferError("method-not-allowed", `${path} takes ${allowed}, got ${method}`);
}

/** The guard against DNS rebinding and pages of other sites. @throws InferError `permission-denied` */
function assertLocal(request: IncomingMessage): void {
  const host = headerOf(request, "host") ?? "";
  if (!isLoopback(hostName(host))) {
    throw new InferError("permission-denied", foreignHost("host", host));
  }
  const origin = headerOf(request, "origin");
  if (origin === null || isLoopback(originHostName(origin))) return;
  throw new InferError("permission-denied", foreignHost("origin", origin));
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

function send(response: ServerResponse, status: number, body: string | Uint8Array): void {
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // Lasting: later ones are connections that could not be taken (EMFILE), and the port stays open.
    server.on("error", (error) => {
      reject(new Error(`cannot serve the admin API on ${HOST}:${port}: ${error.message}`));
    });
    server.listen(port, HOST, resolve);
  });
}
