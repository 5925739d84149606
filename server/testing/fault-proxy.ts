import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What goes wrong with one request; `afterBytes` and `at` count bytes of the body. */
export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      /** x-ms-error-code; null: none, as from a proxy that is not the storage service. */
      readonly code: string | null;
      readonly retryAfterSecs: number | null;
      /** The service's clock, as an HTTP date; null: the right time. */
      readonly date: string | null;
    }
  | { readonly kind: "hang-head" }
  | { readonly kind: "hang-body"; readonly afterBytes: number }
  | { readonly kind: "reset-head" }
  | { readonly kind: "reset-body"; readonly afterBytes: number }
  /** The connection ends in order, with less than Content-Length said. */
  | { readonly kind: "cut-body"; readonly afterBytes: number }
  /** Content-Length says less than the range that it stands for. */
  | { readonly kind: "short-length"; readonly share: number }
  | { readonly kind: "flip-byte"; readonly at: number }
  /** 200 with a web page, as a sign-in gateway answers. */
  | { readonly kind: "html" }
  /** A header of the answer says something else. */
  | { readonly kind: "header"; readonly name: string; readonly value: string };

export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** First byte of the range that was asked for; 0 without one. */
  readonly rangeStart: number;
  readonly headers: IncomingMessage["headers"];
}

/** An HTTP proxy before one server that spoils the answers it is told to. */
export interface FaultProxy {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** Every request that came, oldest first. */
  readonly requests: readonly ProxiedRequest[];
  /** Asked once a request; null lets it through. Replaces the rule before. */
  use(rule: (request: ProxiedRequest) => Fault | null): void;
  close(): Promise<void>;
}

/** @param origin http://host:port */
export async function startFaultProxy(origin: string): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = [];
  let decide: (request: ProxiedRequest) => Fault | null = () => null;
  const server = createServer((incoming, outgoing) => {
    const proxied = describe(incoming);
    requests.push(proxied);
    answer(origin, incoming, outgoing, decide(proxied));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    use: (rule) => {
      decide = rule;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function describe({ method, url, headers }: IncomingMessage): ProxiedRequest {
  const range = /bytes=(\d+)-/.exec(String(headers["x-ms-range"] ?? headers.range ?? ""));
  return {
    method: method ?? "GET",
    path: url ?? "",
    rangeStart: Number(range?.[1] ?? 0),
    headers,
  };
}

const PAGE = "<!DOCTYPE html><html><body>Please sign in</body></html>";

function answer(
  origin: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | null,
): void {
  switch (fault?.kind) {
    case "hang-head":
      return;
    case "reset-head":
      incoming.socket.resetAndDestroy();
      return;
    case "html":
      outgoing.writeHead(200, { "content-type": "text/html", etag: '"page"' }).end(PAGE);
      return;
    case "status":
      answerStatus(outgoing, fault);
      return;
    default:
      forward(origin, incoming, outgoing, fault ?? null);
  }
}

function answerStatus(outgoing: ServerResponse, fault: Fault & { kind: "status" }): void {
  const { status, code, retryAfterSecs, date } = fault;
  const headers: Record<string, string> = { "content-type": "application/xml" };
  if (code !== null) headers["x-ms-error-code"] = code;
  if (retryAfterSecs !== null) headers["retry-after"] = String(retryAfterSecs);
  if (date !== null) headers["date"] = date;
  const body =
    code === null
      ? ""
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  outgoing.writeHead(status, headers).end(body);
}

function forward(
  origin: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | null,
): void {
  const { method, headers } = incoming;
  const url = `${origin}${incoming.url ?? ""}`;
  const onward = request(url, { method: method ?? "GET", headers }, (from) => {
    const chunks: Buffer[] = [];
    from.on("data", (chunk: Buffer) => chunks.push(chunk));
    from.on("end", () => relay(from, Buffer.concat(chunks), outgoing, fault));
    from.on("error", () => outgoing.destroy());
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}

function relay(
  from: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  fault: Fault | null,
): void {
  const headers: IncomingMessage["headers"] = { ...from.headers };
  // The body is whole here, in one piece; HEAD has a length and none.
  if (body.byteLength > 0) {
    delete headers["transfer-encoding"];
    headers["content-length"] = String(body.byteLength);
  }
  if (fault?.kind === "header") headers[fault.name] = fault.value;
  if (fault?.kind === "short-length") headers["content-length"] = String(sharedLength(body, fault));
  outgoing.writeHead(from.statusCode ?? 502, headers);
  sendBody(body, outgoing, fault);
}

function sharedLength(body: Buffer, { share }: Fault & { kind: "short-length" }): number {
  return Math.floor(body.byteLength * share);
}

function sendBody(body: Buffer, outgoing: ServerResponse, fault: Fault | null): void {
  switch (fault?.kind) {
    case "hang-body":
      outgoing.flushHeaders();
      outgoing.write(body.subarray(0, fault.afterBytes));
      return;
    case "reset-body":
      outgoing.write(body.subarray(0, fault.afterBytes), () => outgoing.socket?.resetAndDestroy());
      return;
    case "cut-body":
      outgoing.write(body.subarray(0, fault.afterBytes), () => outgoing.socket?.end());
      return;
    case "short-length":
      outgoing.end(body.subarray(0, sharedLength(body, fault)));
      return;
    case "flip-byte": {
      const flipped = Buffer.from(body);
      if (fault.at < flipped.byteLength) flipped[fault.at] = (flipped[fault.at] as number) ^ 1;
      outgoing.end(flipped);
      return;
    }
    default:
      outgoing.end(body);
  }
}
