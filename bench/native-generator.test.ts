import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { buildLoadGenerator } from "../native/build-load-generator.ts";
import { needs } from "../server/testing/skip.ts";
import { askOnce } from "./ask-once.ts";
import { randomStream } from "./random.ts";
import { runLoad } from "./run-load.ts";
import { startEcho } from "./start-baselines.ts";
import { type Meddle, startFakeServer } from "./testing/fake-oip-server.ts";
import { loadPlanOf } from "./testing/load-plan-of.ts";
import { againstFake, againstRaw, assertFaultless, runNative } from "./testing/native-load.ts";
import { RAW_BODY, type Respond, rawAnswer, startRawServer } from "./testing/raw-server.ts";

const { reason } = await buildLoadGenerator();
const skip = reason ?? false;

describe("what it counts", { skip }, () => {
  for (const protocol of ["http-json", "http-binary", "websocket"] as const) {
    test(`every answer once, over ${protocol}`, async () => {
      const server = await startFakeServer();
      try {
        const result = await runNative(server.url, { protocol, connections: 3 });
        assertFaultless(result);
        assert.equal(result.generator, "native");
        // One request opens each connection.
        assert.equal(result.requests, server.inferCount - 3);
        assert.ok((result.generatorCpuUsPerAnswer ?? 0) > 0);
      } finally {
        await server.close();
      }
    });
  }

  test("warm-up is sent and not counted; the timeline holds the window", async () => {
    const shape = { ratePerSec: 100, warmupMs: 200, durationMs: 300, sliceMs: 100 };
    const result = await againstFake((answer) => answer, { shape });
    assertFaultless(result);
    assert.equal(result.requests, 30);
    assert.deepEqual(
      result.timeline?.map((slice) => [slice.atMs, slice.answers]),
      [
        [0, 10],
        [100, 10],
        [200, 10],
      ],
    );
  });

  test("its histogram says what its timeline says, which keeps every latency", async () => {
    const shape = { durationMs: 400, sliceMs: 400 };
    const { latency, timeline } = await againstFake((answer) => answer, { shape });
    const [slice] = timeline ?? [];
    for (const name of ["p50Ms", "p99Ms", "maxMs"] as const) {
      const exactMs = slice?.[name] ?? 0;
      assert.ok(exactMs > 0, name);
      assert.ok(
        Math.abs(latency[name] / exactMs - 1) < 0.0015,
        `${name}: ${latency[name]} ${exactMs}`,
      );
    }
  });

  test("bytes of uWebSockets.js, from several processes", needs("uws"), async () => {
    const fake = await startFakeServer();
    const door = { endpoints: { url: fake.url, grpc: null }, apiKey: null };
    const answer = await askOnce(
      { name: "fake", ...door, pids: () => [], stop: () => Promise.resolve() },
      loadPlanOf(fake.url, {}),
    );
    const echo = await startEcho(answer, null);
    try {
      const plan = loadPlanOf(echo.endpoints.url ?? "", { generator: "native", connections: 8 });
      const seen: number[] = [];
      const result = await runLoad("echo", plan, 2, (answered) => seen.push(answered), echo.pids);
      assertFaultless(result);
      assert.equal(result.connections, 8);
    } finally {
      await echo.stop();
      await fake.close();
    }
  });

  test("one stall shows in all requests that it delayed (coordinated omission)", async () => {
    const shape = { ratePerSec: 100, durationMs: 1000 };
    const stallOnce: Meddle = async (answer, n) => {
      if (n === 30) await setTimeout(400);
      return answer;
    };
    const result = await againstFake(stallOnce, { connections: 1, shape });
    assert.equal(result.requests, 100);
    assert.ok(result.latency.p99Ms > 350, `p99 ${result.latency.p99Ms}`);
    assert.ok(result.latency.p90Ms > 200, `p90 ${result.latency.p90Ms}`);
  });

  test("what the server is too slow for stays unsent after the grace time", async () => {
    const shape = { ratePerSec: 100, durationMs: 300, graceMs: 100 };
    const slow: Meddle = async (answer) => {
      await setTimeout(60);
      return answer;
    };
    const result = await againstFake(slow, { connections: 1, shape });
    assert.equal(result.requests + result.unsent, 30);
    assert.ok(result.requests < 10 && result.requests > 1, `${result.requests}`);
  });
});

describe("what it takes for an answer", { skip }, () => {
  const halfWrong: Meddle = (answer, n) =>
    n < 200 || n % 2 === 0
      ? answer
      : {
          ...answer,
          outputs: answer.outputs.map((output) => ({
            ...output,
            data: Float32Array.of(7, 7, 7, 7),
          })),
        };

  for (const protocol of ["http-json", "http-binary", "websocket"] as const) {
    test(`every wrong answer is seen, over ${protocol}`, async () => {
      const shape = { ratePerSec: 800, durationMs: 500 };
      const result = await againstFake(halfWrong, { protocol, connections: 4, shape });
      // 4 opened the connections; of n = 200 to 403 each second one is wrong.
      assert.deepEqual(result.errors, { "wrong-answer": 102 });
      assert.match(result.firstError ?? "", /^wrong-answer: input \d+ of the pool: 'y'\[\d\]/);
      assert.equal(result.requests, 298);
    });
  }

  test("values that differ by rounding are right, and so are all values of a model random by design", async () => {
    const nudge = (by: number): Meddle => {
      return (answer, n) => ({
        ...answer,
        outputs: answer.outputs.map((output) => ({
          ...output,
          data: Float32Array.from(output.data as Float32Array, (value) => value + (n % 3) * by),
        })),
      });
    };
    assertFaultless(await againstFake(nudge(1e-6), {}));
    assertFaultless(await againstFake(nudge(1), { comparesValues: false }));
  });

  test("bodies that all differ are sampled", async () => {
    const numbered: Respond = (socket, n) =>
      socket.write(rawAnswer(RAW_BODY.replace("{", `{"id":"${n}",`)));
    assertFaultless(await againstRaw(numbered, { connections: 4 }));
    const wrongAtLast: Respond = (socket, n) =>
      socket.write(
        rawAnswer(`{"id":"${n}",${RAW_BODY.slice(1).replace("2,3", n > 400 ? "2,9" : "2,3")}`),
      );
    const inputs = loadPlanOf("http://h", {}).inputs.slice(0, 1);
    const shape = { poolSize: 1, ratePerSec: 2000, durationMs: 500 };
    const result = await againstRaw(wrongAtLast, { inputs, connections: 4, shape });
    const wrong = result.errors["wrong-answer"] ?? 0;
    assert.ok(wrong >= 20 && wrong <= 80, `${wrong} of about 600/16`);
  });

  test("an answer that is none is refused before the clock starts", async () => {
    const notJson: Respond = (socket) => socket.write(rawAnswer("{"));
    await assert.rejects(againstRaw(notJson), /internal: /);
  });

  test("failed answers are told apart by their code and keep the first message", async () => {
    const { errors, firstError, requests } = await againstRaw(
      (socket, n) => {
        if (n < 10) return socket.write(rawAnswer());
        const code = n % 2 === 0 ? "queue-full" : "internal";
        const body = `{"error":"no ${n}","code":"${code}"}`;
        const head = `HTTP/1.1 ${n % 2 === 0 ? 503 : 500} No\r\ncontent-length: ${body.length}`;
        return socket.write(`${head}\r\n\r\n${body}`);
      },
      { connections: 1, shape: { ratePerSec: 100, durationMs: 300 } },
    );
    assert.deepEqual(errors, { "queue-full": 11, internal: 10 });
    assert.deepEqual([firstError, requests], ["queue-full: no 10", 9]);
  });

  test("error frames of a WebSocket count by their code", async () => {
    const refuse: Meddle = (answer, n) => {
      if (n > 5) throw new Error("broken");
      return answer;
    };
    const changes = { protocol: "websocket", connections: 1, shape: { ratePerSec: 100 } } as const;
    const result = await againstFake(refuse, changes);
    assert.deepEqual([result.errors, result.requests], [{ internal: 25 }, 5]);
  });
});

describe("what a server may do to it", { skip }, () => {
  test("answers in pieces of one byte, and in chunks with extensions and trailers", async () => {
    const pieces: Respond = (socket) => {
      for (const byte of rawAnswer()) socket.write(byte);
    };
    assertFaultless(await againstRaw(pieces));
    const half = RAW_BODY.length >> 1;
    const [left, right] = [RAW_BODY.slice(0, half), RAW_BODY.slice(half)];
    const chunks: Respond = (socket, n) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${left.length.toString(16)};x=1\r\n${left}\r\n`);
      const end = `${right.length.toString(16)}\r\n${right}\r\n0\r\nT: v\r\n\r\n`;
      if (n % 2 === 0) socket.write(end);
      else for (const byte of end) socket.write(byte);
    };
    assertFaultless(await againstRaw(chunks));
  });

  test("a large answer is taken whole, and compared whole", async () => {
    const spaces = " ".repeat(700_000);
    const large: Respond = (socket, n) =>
      socket.write(rawAnswer(spaces + (n === 20 ? RAW_BODY.replace("4]}", "5]}") : RAW_BODY)));
    const inputs = loadPlanOf("http://h", {}).inputs.slice(0, 1);
    const shape = { poolSize: 1, ratePerSec: 100, durationMs: 400 };
    const result = await againstRaw(large, { inputs, connections: 1, shape });
    assert.deepEqual([result.errors, result.requests], [{ "wrong-answer": 1 }, 39]);
  });

  test("Connection: close is no failure; a connection that breaks is one, and is replaced", async () => {
    const server = await startRawServer((socket) =>
      socket.end(rawAnswer(RAW_BODY, ["Connection: close"])),
    );
    const result = await runNative(server.url, {});
    await server.close();
    assertFaultless(result);
    assert.equal(server.connections, server.requests);
    const breaks: Respond = (socket, n) => {
      if (n % 4 === 3) socket.destroy();
      else socket.write(rawAnswer());
    };
    const broken = await againstRaw(breaks, {
      connections: 1,
      shape: { ratePerSec: 100, durationMs: 400 },
    });
    // The first request opened the connection.
    assert.deepEqual([broken.errors, broken.requests], [{ unavailable: 10 }, 30]);
    assert.match(broken.firstError ?? "", /^unavailable: http:\/\/127\.0\.0\.1:\d+: /);
  });

  test("an answer before the whole request was read does not shift the next", async () => {
    const early: Respond = (socket) => socket.write(rawAnswer());
    assertFaultless(await againstRaw(early));
  });

  test("a silent server costs one timeout a request", async () => {
    const silent: Respond = (socket, n) => {
      if (n < 2) socket.write(rawAnswer());
    };
    const changes = { timeoutMs: 100, connections: 1, shape: { durationMs: 250 } };
    const { errors, requests, firstError } = await againstRaw(silent, changes);
    assert.equal(requests, 1);
    const expired = errors["deadline-exceeded"] ?? 0;
    assert.ok(expired >= 1 && expired <= 3, `${expired}`);
    assert.match(firstError ?? "", /did not answer within 100 ms/);
  });

  test("refused connections and other protocols are named before the clock starts", async () => {
    const server = await startRawServer(() => undefined);
    await server.close();
    await assert.rejects(runNative(server.url, {}), /unavailable: .*connect: Connection refused/);
    const changes = { endpoints: { url: "http://no-such-host.invalid:1", grpc: null } };
    await assert.rejects(runNative("http://h", changes), /no-such-host\.invalid/);
  });

  test("whatever one byte or the end of an answer is, every request has an outcome", async () => {
    const random = randomStream(7);
    const chunked = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${RAW_BODY.length.toString(16)}\r\n${RAW_BODY}\r\n0\r\n\r\n`;
    const broken: Respond = (socket, n) => {
      const bytes = Buffer.from(n % 2 === 0 ? rawAnswer() : chunked);
      const at = Math.floor(random() * bytes.length);
      if (n > 8) bytes[at] = Math.floor(random() * 256);
      socket.write(n > 8 && n % 7 === 0 ? bytes.subarray(0, at) : bytes);
    };
    const shape = { ratePerSec: 400, durationMs: 500 };
    const result = await againstRaw(broken, { connections: 8, timeoutMs: 400, shape });
    assert.equal(result.requests + result.errorCount, 200);
    assert.ok(result.requests > 0 && result.errorCount > 20, JSON.stringify(result.errors));
  });

  const garbage: readonly (readonly [name: string, bytes: string])[] = [
    ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["control characters", "\u0000\u0001\r\n\r\n"],
    ["no length", "HTTP/1.1 200 OK\r\n\r\n"],
    ["a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"],
    ["a length of exabytes", "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999999\r\n\r\n"],
    ["more than it said", `${rawAnswer()}x`],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
    [
      "a chunk of exabytes",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffff\r\n",
    ],
    ["endless headers", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`],
    ["a bad JSON length", rawAnswer(RAW_BODY, ["inference-header-content-length: x"])],
  ];
  for (const [name, bytes] of garbage) {
    test(`garbage is refused: ${name}`, async () => {
      const turns: Respond = (socket, n) => socket.write(n < 5 ? rawAnswer() : bytes, "latin1");
      const changes = {
        connections: 1,
        timeoutMs: 500,
        shape: { ratePerSec: 100, durationMs: 200 },
      };
      const { errors, requests, firstError } = await againstRaw(turns, changes);
      assert.deepEqual([errors, requests], [{ unavailable: 16 }, 4], firstError ?? "");
      assert.match(firstError ?? "", /expected an HTTP\/1\.1 response, got [ -~]+$/);
    });
  }
});

describe("which generator", () => {
  test("gRPC and TLS are left to the script, or named where native was asked for", async () => {
    await assert.rejects(
      runNative("https://127.0.0.1:1", {}),
      /--generator native: it does not speak TLS/,
    );
    const server = await startFakeServer();
    const endpoints = { url: server.url, grpc: server.grpc };
    try {
      const { generator, generatorReason } = await runNative(server.url, {
        ...{ protocol: "grpc", endpoints, generator: "auto" },
      });
      assert.deepEqual([generator, generatorReason], ["script", null]);
    } finally {
      await server.close();
    }
  });
});
