import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type { ControlClient, InferenceClient } from "../../protocols/client/inference-client.ts";
import { isRunning } from "../machine/is-running.ts";
import { mlpModel } from "../mlp-model.ts";
import { describePeers, findPeer, PEERS, type RunningPeer, startPeer } from "./peer.ts";
import { peerFile } from "./peer-environment.ts";

const MODEL = "bench";
const ROWS = 3;
const COLUMNS = 20;
const TOLERANCE = 1e-5;
type Client = InferenceClient & ControlClient;

const CLIENT = { apiKey: null, timeoutMs: 20_000 };

const folder = mkdtempSync(join(tmpdir(), "peers-test-"));
const modelFile = join(folder, "model.onnx");
const data = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(i));
let expected = new Float32Array();

before(async () => {
  writeFileSync(modelFile, mlpModel());
  const session = await InferenceSession.create(modelFile);
  const { y } = await session.run({ x: new OrtTensor("float32", data, [ROWS, COLUMNS]) });
  expected = Float32Array.from(y?.data as Float32Array);
  await session.release();
});

after(() => rmSync(folder, { recursive: true, force: true }));

function clientsOf({ endpoints }: RunningPeer, protocols: readonly string[]): Client[] {
  const url = endpoints.url ?? "";
  const http = (binary: boolean) => createHttpClient(url, { ...CLIENT, binary, maxSockets: 2 });
  return [
    http(false),
    ...(protocols.includes("http-binary") ? [http(true)] : []),
    ...(endpoints.grpc === null ? [] : [createGrpcClient(endpoints.grpc, CLIENT)]),
  ];
}

async function checkAnswer(client: Client): Promise<void> {
  const ref = { name: MODEL, version: null };
  const description = await client.describe(ref);
  assert.deepEqual(
    description.inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
    [{ name: "x", datatype: "FP32", shape: [-1, COLUMNS] }],
  );
  const x = { name: "x", datatype: "FP32" as const, shape: [ROWS, COLUMNS], data };
  const answer = await client.infer(ref, { inputs: [x], outputs: null });
  const [y] = answer.outputs;
  assert.deepEqual([y?.name, y?.datatype, [...(y?.shape ?? [])]], ["y", "FP32", [ROWS, 2]]);
  assert.equal(y?.data.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(Number(y?.data[i]) - value) < TOLERANCE, `y[${i}]: ${y?.data[i]}, ${value}`);
  }
}

describe("peers", () => {
  it("pin every package of a peer that can run, and name a reason for every other", () => {
    for (const peer of PEERS.filter(({ cannotRun }) => cannotRun === null)) {
      const lines = readFileSync(peerFile(peer.name, "requirements.txt"), "utf8")
        .trim()
        .split("\n");
      for (const line of lines) assert.match(line, /^[\w.[\]-]+==[\w.+]+$/, peer.name);
      assert.ok(lines.includes("onnxruntime==1.30.0"), `${peer.name}: the runtime that we run on`);
    }
    assert.ok(PEERS.every(({ cannotRun }) => cannotRun !== ""));
  });

  it("names the peers when asked for an unknown one, and refuses one that cannot run", async () => {
    assert.throws(() => findPeer("nobody"), /among fastapi, .*; got 'nobody'/);
    const options = { modelFile, modelName: MODEL, intraOpThreads: 1, cpus: null };
    await assert.rejects(
      startPeer("openvino", options, () => undefined),
      /^Error: openvino: no pac/,
    );
  });
});

describe("a peer's answers", () => {
  const statuses = describePeers();

  // Not skips: CI lets none pass, and setting all of them up takes gigabytes.
  it("are checked for every peer that is set up; each that never can be has its own reason", (t) => {
    for (const { name, reason } of statuses) {
      const { cannotRun } = findPeer(name);
      if (cannotRun !== null) assert.equal(reason, cannotRun);
      if (reason !== null) t.diagnostic(`${name}: ${reason}`);
    }
  });

  for (const status of statuses.filter(({ reason }) => reason === null)) {
    it(`of ${status.name} are onnxruntime's, and it leaves no process`, async () => {
      const options = { modelFile, modelName: MODEL, intraOpThreads: 1, cpus: null };
      const peer = await startPeer(status.name, options, () => undefined);
      const pids = peer.pids();
      try {
        assert.ok(pids.length > 0);
        for (const client of clientsOf(peer, status.protocols)) {
          await checkAnswer(client);
          await client.close();
        }
      } finally {
        await peer.stop();
      }
      assert.deepEqual(pids.filter(isRunning), []);
      assert.deepEqual(peer.pids(), []);
    });
  }
});
