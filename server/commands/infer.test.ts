import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openStore, publishTiny } from "../testing/publish-tiny.ts";
import { type ScenarioServer, startScenario } from "../testing/scenario-server.ts";
import { scaleModel } from "../testing/tiny-models.ts";
import { type InferArgs, type InferProtocol, runInfer } from "./infer.ts";

const REQUEST = {
  id: "seven",
  parameters: { binary_data_output: true },
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }],
  outputs: [{ name: "y" }],
};
const ANSWER = {
  model_name: "scale",
  model_version: "1",
  id: "seven",
  parameters: { inference_id: "minted" },
  outputs: [{ name: "y", datatype: "FP32", shape: [1, 4], data: [2, 4, 6, 8] }],
};

/** With the inference id, which is new each time, replaced. */
function parseAnswer(line: string): unknown {
  const answer = JSON.parse(line);
  assert.match(answer.parameters.inference_id, /^[A-Za-z0-9_-]{16}\.[0-9a-z]+$/);
  return { ...answer, parameters: { ...answer.parameters, inference_id: "minted" } };
}

describe("sluice infer", () => {
  let server: ScenarioServer;
  let urls: Record<InferProtocol, string>;
  before(async () => {
    server = await startScenario();
    await publishTiny(openStore(server.repository), "scale", scaleModel(2));
    await server.whenState("scale", 1, "ready");
    const { httpPort, grpcPort } = server.endpoints;
    urls = {
      http: `http://127.0.0.1:${httpPort}`,
      grpc: `127.0.0.1:${grpcPort}`,
      websocket: `ws://127.0.0.1:${httpPort}`,
    };
    writeFileSync(join(server.home, "request.json"), JSON.stringify(REQUEST));
  });
  after(() => server.stop());

  async function infer(args: Partial<InferArgs>, stdin: string[] = []): Promise<string> {
    const printed: string[] = [];
    const protocol = args.protocol ?? "http";
    const full: InferArgs = {
      name: "scale",
      version: null,
      protocol,
      url: urls[protocol],
      input: "request.json",
      apiKey: null,
      timeoutMs: 30_000,
      caFile: null,
      ...args,
    };
    const exitCode = await runInfer(full, {
      stdin: (async function* () {
        for (const part of stdin) yield Buffer.from(part);
      })(),
      stdout: { write: (text) => printed.push(text) },
      cwd: server.home,
    });
    assert.equal(exitCode, 0);
    return printed.join("");
  }

  for (const protocol of ["http", "grpc", "websocket"] as const) {
    it(`prints the same line of JSON over ${protocol}`, async () => {
      const line = await infer({ protocol, version: "champion" });
      assert.ok(line.endsWith("}\n"));
      assert.deepEqual(parseAnswer(line), ANSWER);
    });
  }

  it("takes a whole stream URL, too", async () => {
    const url = `${urls.websocket}/v2/models/scale/stream`;
    assert.deepEqual(parseAnswer(await infer({ protocol: "websocket", url })), ANSWER);
  });

  it("reads standard input in parts", async () => {
    const text = JSON.stringify(REQUEST);
    const parts = [text.slice(0, 20), text.slice(20)];
    assert.deepEqual(parseAnswer(await infer({ input: "-" }, parts)), ANSWER);
  });

  it("names the code of what went wrong", async () => {
    await assert.rejects(infer({ name: "nobody" }), /^Error: model-not-found: .*nobody/);
    await assert.rejects(infer({ input: "-" }, ["{"]), /^Error: invalid-argument: /);
    await assert.rejects(infer({ input: "-" }, [" "]), /^Error: invalid-argument: /);
    await assert.rejects(infer({ url: "ftp://x" }), /^Error: invalid-argument: expected an http/);
    await assert.rejects(
      infer({ protocol: "grpc", url: "127.0.0.1:1", timeoutMs: 5000 }),
      /^Error: (unavailable|deadline-exceeded): /,
    );
  });

  it("says which file cannot be read", async () => {
    await assert.rejects(infer({ input: "nope.json" }), {
      name: "UsageError",
      message: "--input nope.json cannot be read (ENOENT)",
    });
  });
});
