import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { type InferResponse, NO_PARAMETERS } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import { encodeErrorBody } from "../oip-rest/error-body.ts";
import { oipRestCodec } from "../oip-rest/infer-codec.ts";
import { encodeModelMetadata } from "../oip-rest/messages.ts";
import { createHttpClient, type HttpClientOptions } from "./http-client.ts";
import type { ControlClient, InferenceClient } from "./inference-client.ts";

const OPTIONS: HttpClientOptions = { apiKey: null, timeoutMs: 5000, binary: false, maxSockets: 4 };
const INPUT = {
  inputs: [
    { name: "x", datatype: "FP32", shape: [1, 3], data: new Float32Array([1, 2.5, -3]) } as const,
  ],
  outputs: null,
};
const MODEL = { name: "m", version: null };

type Handler = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server with one handler; `sockets` are the connections it saw. */
async function serve(handler: Handler): Promise<{ url: string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => handler(request, Buffer.concat(parts), response));
  });
  server.on("connection", (socket) => sockets.push(socket));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { url: `http://127.0.0.1:${address.port}`, sockets };
}

/** Answers y = x, as a real server would: in binary when binary was asked for. */
const echo: Handler = (request, body, response) => {
  const header = request.headers["inference-header-content-length"];
  const jsonBytes = header === undefined ? null : Number(header);
  const asked = oipRestCodec.decode({ body, jsonBytes }, DEFAULT_LIMITS);
  const answer: InferResponse = {
    modelName: "m",
    modelVersion: "7",
    id: null,
    parameters: NO_PARAMETERS,
    outputs: asked.inputs.map((tensor) => ({ ...tensor, name: "y" })),
  };
  const { contentType, jsonBytes: headBytes, parts } = oipRestCodec.encode(answer, asked);
  response.setHeader("content-type", contentType);
  if (headBytes !== null) response.setHeader("inference-header-content-length", headBytes);
  response.end(Buffer.concat(parts));
};

async function withClient<T>(
  url: string,
  options: Partial<HttpClientOptions>,
  use: (client: InferenceClient & ControlClient) => Promise<T>,
): Promise<T> {
  const client = createHttpClient(url, { ...OPTIONS, ...options });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

function failsWith(code: string, pattern: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof InferError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, pattern);
    return true;
  };
}

for (const binary of [false, true]) {
  test(`an inference goes out and comes back, ${binary ? "binary" : "JSON"}`, async () => {
    const seen: IncomingMessage[] = [];
    const { url } = await serve((request, body, response) => {
      seen.push(request);
      echo(request, body, response);
    });
    const answer = await withClient(url, { binary, apiKey: "k1" }, (client) =>
      client.infer({ name: "a b", version: "champion" }, INPUT),
    );
    assert.equal(answer.modelVersion, "7");
    assert.deepEqual([...(answer.outputs[0]?.data ?? [])], [1, 2.5, -3]);
    assert.equal(seen[0]?.url, "/v2/models/a%20b/versions/champion/infer");
    assert.equal(seen[0]?.headers.authorization, "Bearer k1");
    const type = binary ? "application/octet-stream" : "application/json";
    assert.equal(seen[0]?.headers["content-type"], type);
  });
}

test("one connection is kept for call after call, and a path prefix is kept too", async () => {
  const paths: (string | undefined)[] = [];
  const { url, sockets } = await serve((request, body, response) => {
    paths.push(request.url);
    echo(request, body, response);
  });
  await withClient(`${url}/proxy/`, {}, async (client) => {
    await client.infer(MODEL, INPUT);
    await client.infer(MODEL, INPUT);
  });
  assert.equal(sockets.length, 1);
  assert.deepEqual(paths, Array(2).fill("/proxy/v2/models/m/infer"));
});

test("no more connections than maxSockets are opened", async () => {
  const { url, sockets } = await serve(echo);
  await withClient(url, { maxSockets: 2 }, (client) =>
    Promise.all(Array.from({ length: 8 }, () => client.infer(MODEL, INPUT))),
  );
  assert.equal(sockets.length, 2);
});

test("an error of the server keeps its code; a foreign one is placed by its status", async () => {
  const { url } = await serve((request, _body, response) => {
    if (request.url?.includes("ours") === true) {
      response.statusCode = 404;
      response.end(encodeErrorBody(new InferError("model-not-found", "no model 'ours'"), "r1"));
      return;
    }
    response.statusCode = 502;
    response.end("<html>bad gateway");
  });
  await withClient(url, {}, async (client) => {
    const ours = { name: "ours", version: null };
    await assert.rejects(
      client.infer(ours, INPUT),
      failsWith("model-not-found", /no model 'ours'/),
    );
    await assert.rejects(client.describe(MODEL), failsWith("unavailable", /502/));
    await assert.rejects(client.isModelReady(MODEL), failsWith("unavailable", /502/));
  });
});

test("readiness is 200, 'no' is 400 or 503, and metadata are read", async () => {
  const description = {
    name: "m",
    versions: ["1", "2"],
    platform: "onnx_onnxv1",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 3] } as const],
    outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] } as const],
  };
  const { url } = await serve((request, _body, response) => {
    const statuses = new Map([
      ["/v2/models/m/ready", 200],
      ["/v2/models/m/versions/2/ready", 400],
      ["/v2/health/ready", 503],
    ]);
    response.statusCode = statuses.get(request.url ?? "") ?? 200;
    response.end(encodeModelMetadata(description));
  });
  await withClient(url, {}, async (client) => {
    assert.equal(await client.isModelReady(MODEL), true);
    assert.equal(await client.isModelReady({ name: "m", version: "2" }), false);
    assert.equal(await client.isServerReady(), false);
    assert.deepEqual(await client.describe(MODEL), description);
  });
});

test("a silent server and a half answer both end as deadline-exceeded", async () => {
  const { url } = await serve((request, _body, response) => {
    if (request.method === "POST") response.write("{");
  });
  await withClient(url, { timeoutMs: 50 }, async (client) => {
    const expired = failsWith("deadline-exceeded", /within 50 ms/);
    await assert.rejects(client.isServerReady(), expired);
    await assert.rejects(client.infer(MODEL, INPUT), expired);
  });
});

test("nobody there, and a connection cut before or in the answer, are unavailable", async () => {
  const { url, sockets } = await serve((request, _body, response) => {
    if (request.method === "POST") {
      response.setHeader("content-length", 100);
      response.write("{", () => sockets.at(-1)?.resetAndDestroy());
      return;
    }
    sockets.at(-1)?.destroy();
  });
  await withClient(url, {}, async (client) => {
    await assert.rejects(client.isServerReady(), failsWith("unavailable", /127\.0\.0\.1/));
    await assert.rejects(client.infer(MODEL, INPUT), failsWith("unavailable", /127\.0\.0\.1/));
  });
  const gone = await serve(echo);
  await new Promise((resolve) => servers.at(-1)?.close(resolve));
  await withClient(gone.url, {}, (client) =>
    assert.rejects(client.infer(MODEL, INPUT), failsWith("unavailable", /ECONNREFUSED/)),
  );
});

test("a kept connection that the server closed meanwhile costs the caller nothing", async () => {
  let calls = 0;
  const { url, sockets } = await serve((request, body, response) => {
    calls += 1;
    // The second request finds its kept connection cut without an answer.
    if (calls === 2) sockets[0]?.destroy();
    else echo(request, body, response);
  });
  await withClient(url, { maxSockets: 1 }, async (client) => {
    await client.infer(MODEL, INPUT);
    const answer = await client.infer(MODEL, INPUT);
    assert.equal(answer.outputs.length, 1);
  });
  assert.equal(calls, 3);
  assert.equal(sockets.length, 2);
});

test("a malformed answer is the server's fault", async () => {
  const { url } = await serve((request, body, response) => {
    response.setHeader(
      "inference-header-content-length",
      request.url === "/v2/models/m/infer" ? 999 : 0,
    );
    response.end(body.subarray(0, 5));
  });
  await withClient(url, {}, async (client) => {
    await assert.rejects(client.infer(MODEL, INPUT), failsWith("internal", /999.* 5 bytes/));
    await assert.rejects(client.describe(MODEL), failsWith("internal", /malformed/));
  });
});

test("close ends what is in flight, on kept connections too, and refuses what comes after", async () => {
  let arrived: () => void = () => undefined;
  const inFlight = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const { url } = await serve((request, body, response) => {
    if (request.method === "GET") arrived();
    else echo(request, body, response);
  });
  const client = createHttpClient(url, { ...OPTIONS, maxSockets: 1 });
  await client.infer(MODEL, INPUT);
  const pending = assert.rejects(client.describe(MODEL), failsWith("unavailable", /./));
  await inFlight;
  await client.close();
  await pending;
  await assert.rejects(client.infer(MODEL, INPUT), failsWith("unavailable", /closed/));
});

test("a base URL that is none is refused at once", () => {
  for (const url of ["127.0.0.1:8000", "ftp://x", "http://"]) {
    assert.throws(() => createHttpClient(url, OPTIONS), failsWith("invalid-argument", /http:\/\//));
  }
});
