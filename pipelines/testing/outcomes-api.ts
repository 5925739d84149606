import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What became of a prediction, as a system of its own tells it. */
export interface Outcome {
  readonly outcome_id: number;
  readonly inference_id: string;
  readonly position: number;
  readonly late: boolean;
  readonly told_at: string;
}

export interface OutcomesApi {
  readonly url: string;
  /** Grows; oldest first. */
  readonly outcomes: Outcome[];
  /** Requests without the token. */
  readonly refused: () => number;
  /** Pages that were asked for beyond the first. */
  readonly laterPages: () => number;
  close(): Promise<void>;
}

const PAGE_ROWS = 40;

/** A REST API with a bearer token, `since`, and pages that name the next: `{data, next}`. */
export async function startOutcomesApi(token: string): Promise<OutcomesApi> {
  const outcomes: Outcome[] = [];
  let refused = 0;
  let laterPages = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      refused += 1;
      response.writeHead(401).end();
      return;
    }
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const first = Number(url.searchParams.get("from") ?? 0);
    if (first > 0) laterPages += 1;
    const since = Date.parse(url.searchParams.get("since") ?? "1970-01-01T00:00:00Z");
    const due = outcomes.filter(({ told_at }) => Date.parse(told_at) >= since);
    url.searchParams.set("from", String(first + PAGE_ROWS));
    const next = first + PAGE_ROWS < due.length ? url.href : null;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ data: due.slice(first, first + PAGE_ROWS), next }));
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/outcomes`,
    outcomes,
    refused: () => refused,
    laterPages: () => laterPages,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
