import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { InferError } from "../protocols/core/status.ts";
import { runBench } from "./command.ts";
import type { BenchReport } from "./report.ts";
import { type FakeServer, type Meddle, startFakeServer } from "./testing/fake-oip-server.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function bench(...argv: string[]): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const code = await runBench(argv, { stdout: sink("stdout"), stderr: sink("stderr") });
  return { code, ...written };
}

const SHORT = ["--duration-secs", "0.3", "--warmup-secs", "0.1", "--connections", "3"];

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bench-test-"));
});
after(() => rm(folder, { recursive: true }));

async function benchAgainst(
  meddle: Meddle | undefined,
  argv: (server: FakeServer) => string[],
): Promise<Ran & { report: BenchReport; server: FakeServer }> {
  const server = await startFakeServer(meddle);
  const json = join(folder, "report.json");
  try {
    const ran = await bench("--model", "double", ...SHORT, "--json", json, ...argv(server));
    const report = JSON.parse(await readFile(json, "utf8").catch(() => "null")) as BenchReport;
    return { ...ran, report, server };
  } finally {
    await rm(json, { force: true });
    await server.close();
  }
}

describe("a server by URL", () => {
  test("is measured over every protocol, with checked answers", async () => {
    const markdown = join(folder, "report.md");
    const { code, report, stdout, stderr, server } = await benchAgainst(undefined, (s) => [
      ...["--url", s.url, "--grpc", s.grpc, "--api-key", "secret-key"],
      ...["--protocol", "http-json,http-binary,grpc,websocket", "--markdown", markdown],
    ]);
    assert.equal(code, 0, stderr);
    const names = report.results.map((result) => result.name);
    assert.deepEqual(names, ["http-json", "http-binary", "grpc", "websocket"]);
    for (const result of report.results) {
      assert.ok(result.requests > 10, `${result.name}: ${result.requests}`);
      assert.equal(result.errorCount, 0);
      assert.ok(Math.abs(result.throughputPerSec * 0.3 - result.requests) <= 3, result.name);
      assert.ok(result.latency.p50Ms > 0 && result.latency.p50Ms <= result.latency.maxMs);
    }
    assert.equal(report.environment.node, process.version);
    assert.ok(server.keys.every((key) => key === "Bearer secret-key"));
    assert.ok(!`${stdout}${JSON.stringify(report)}`.includes("secret-key"));
    assert.equal(await readFile(markdown, "utf8"), stdout);
    assert.match(stdout, /\| http-binary +\| +(native|script) \| +3 \| +closed \|/);
  });

  test("works with gRPC alone, in several generator threads", async () => {
    const { code, report, stderr } = await benchAgainst(undefined, (s) => [
      ...["--grpc", s.grpc, "--protocol", "grpc", "--generator-threads", "2"],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(report.results[0]?.connections, 3);
  });

  test("at a constant rate gets that rate", async () => {
    const { code, report, stderr } = await benchAgainst(undefined, (s) => [
      ...["--url", s.url, "--rate", "200", "--duration-secs", "0.5"],
    ]);
    assert.equal(code, 0, stderr);
    const [result] = report.results;
    assert.ok(Math.abs((result?.requests ?? 0) - 100) <= 1, `${result?.requests} requests`);
    assert.notEqual(result?.sendLatenessP99Ms, null);
  });

  test("that stalls once shows it in the open loop's p99, as it would to its users", async () => {
    let stall: Promise<void> | null = null;
    const { report } = await benchAgainst(
      async (answer, n) => {
        // All connections wait for the same stall: nobody is served during it.
        if (n === 40) stall = setTimeout(200);
        await stall;
        return answer;
      },
      (s) => ["--url", s.url, "--rate", "200", "--duration-secs", "1", "--warmup-secs", "0"],
    );
    // 40 of 200 requests should have started during the stall; the slowest 2 waited nearly all of it.
    const latency = report.results[0]?.latency;
    assert.ok((latency?.p99Ms ?? 0) > 150, `p99 ${latency?.p99Ms}`);
    assert.ok((latency?.p90Ms ?? 0) > 50, `p90 ${latency?.p90Ms}`);
  });

  test("that answers wrongly now and then is found out", async () => {
    const { code, report, stdout } = await benchAgainst(
      (answer, n) => {
        const [output] = answer.outputs;
        assert.ok(output !== undefined);
        const data = new Float32Array(output.data.length).fill(n);
        return { ...answer, outputs: [{ ...output, data }] };
      },
      (s) => ["--url", s.url, "--connections", "1"],
    );
    assert.equal(code, 1);
    assert.ok((report.results[0]?.errors["wrong-answer"] ?? 0) > 0);
    assert.match(stdout, /first answered .* now/);
  });

  test("whose model is random by design passes with --no-verify", async () => {
    const { code, stderr } = await benchAgainst(
      (answer, n) => {
        const outputs = answer.outputs.map((t) => ({ ...t, data: new Float32Array(4).fill(n) }));
        return { ...answer, outputs };
      },
      (s) => ["--url", s.url, "--no-verify"],
    );
    assert.equal(code, 0, stderr);
  });

  test("that refuses some requests has them counted by code, whatever the protocol", async () => {
    const { code, report } = await benchAgainst(
      (answer) => {
        // By input, so that the untimed first request of every connection passes.
        if (Number(answer.outputs[0]?.data[0]) < -1) {
          throw new InferError("deadline-exceeded", "too late");
        }
        return answer;
      },
      (s) => [
        ...["--url", s.url, "--grpc", s.grpc],
        ...["--protocol", "http-json,http-binary,grpc,websocket"],
      ],
    );
    assert.equal(code, 1);
    assert.equal(report.results.length, 4);
    for (const result of report.results) {
      assert.deepEqual(Object.keys(result.errors), ["deadline-exceeded"], result.name);
      assert.equal(result.firstError, "deadline-exceeded: too late");
      assert.ok(result.requests > result.errorCount, result.name);
    }
  });

  test("that refuses everything is not measured", async () => {
    const ran = await benchAgainst(
      () => {
        throw new InferError("unauthenticated", "no such key");
      },
      (s) => ["--url", s.url, "--grpc", s.grpc, "--protocol", "grpc"],
    );
    assert.deepEqual([ran.code, ran.report], [1, null]);
    assert.match(ran.stderr, /unauthenticated: no such key/);
  });

  test("that is not there, or lacks the model, is a plain error", async () => {
    const gone = await startFakeServer();
    await gone.close();
    const ran = await bench("--url", gone.url, "--model", "double");
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /ECONNREFUSED/);
    const unknown = await benchAgainst(undefined, (s) => ["--url", s.url, "--model", "other"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no \/v2\/models\/other/);
  });

  test("takes inputs from a file, and shapes from the command line", async () => {
    const file = join(folder, "inputs.json");
    const request = (value: number) => ({
      inputs: [{ name: "x", shape: [1, 4], datatype: "FP32", data: Array(4).fill(value) }],
    });
    await writeFile(file, JSON.stringify([request(1), request(2)]));
    let rows = 0;
    const seen = new Set<number>();
    const watch: Meddle = (answer) => {
      rows = answer.outputs[0]?.shape[0] ?? 0;
      seen.add(Number(answer.outputs[0]?.data[0]));
      return answer;
    };
    const fromFile = await benchAgainst(watch, (s) => ["--url", s.url, "--input", file]);
    assert.equal(fromFile.code, 0, fromFile.stderr);
    assert.deepEqual([...seen].toSorted(), [2, 4]);
    const shaped = await benchAgainst(watch, (s) => ["--url", s.url, "--shape", "x=5,4"]);
    assert.equal(shaped.code, 0, shaped.stderr);
    assert.equal(rows, 5);
    await writeFile(file, "[]");
    const empty = await benchAgainst(watch, (s) => ["--url", s.url, "--input", file]);
    assert.match(empty.stderr, /inputs\.json: expected at least one request/);
  });
});
