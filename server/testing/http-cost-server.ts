/** A server under test of http-cost.ts, a process of its own; it ends with its starter. */

import type * as Uws from "uWebSockets.js";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { createKeyGatekeeper, createOpenGatekeeper } from "../access/key-gatekeeper.ts";
import type { KeyRecord } from "../access/key-record.ts";
import { createLogger } from "../lib/log.ts";
import { probePort } from "../lib/probe-port.ts";
import { LeaseCounter } from "../models/lease.ts";
import type { JobResult, Servable } from "../models/servable.ts";
import { ServingMap } from "../models/serving-map.ts";
import { ByteBudget } from "../request/byte-budget.ts";
import { Pipeline } from "../request/pipeline.ts";
import { CounterWriter, createCounterBlock } from "../threads/shared-counters.ts";
import { createGaugeBlock, SharedGauge } from "../threads/shared-gauge.ts";
import { CONNECTION_CELL_BYTES, ConnectionLimit } from "../transport/connection-limit.ts";
import { createUwsListener } from "../transport/http/uws-listener.ts";
import type { ServingContext } from "../transport/serving-context.ts";

export type CostServerBirth =
  | { readonly kind: "echo"; readonly answerBytes: number }
  /** No records: no key is asked for. */
  | { readonly kind: "serving"; readonly records: readonly KeyRecord[] };

/** The signature of bench/mlp-model.ts. */
export const COST_MODEL = {
  name: "mlp",
  versions: ["1"],
  platform: "onnx_onnxv1",
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 20] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
} as const;

const HOST = "127.0.0.1";

/** Reads the body and answers bytes of a given number: what no server can go below. */
async function serveEcho(answerBytes: number): Promise<number> {
  const uws = createRequire(import.meta.url)("uWebSockets.js") as typeof Uws;
  const answer = new Uint8Array(answerBytes).fill(0x20);
  const port = await probePort(HOST, 0);
  const app = uws.App().post("/*", (res) => {
    res.onAborted(() => undefined);
    res.onData((_chunk, isLast) => {
      if (isLast) res.end(answer);
    });
  });
  return await new Promise((settle) => app.listen(HOST, port, () => settle(port)));
}

async function serveModel(records: readonly KeyRecord[]): Promise<number> {
  const listener = await createUwsListener(createContext(records), {
    host: HOST,
    port: 0,
    maxBodyBytes: 1 << 26,
    bodyTimeoutMs: 30_000,
    tls: null,
    corsOrigins: [],
    allowedHosts: "loopback",
    maxStreamInflight: 32,
    compressFromBytes: 4096,
    jsonNonFinite: "reject",
    maxStreamEgressBytes: 1 << 20,
  });
  return listener.port;
}

function createContext(records: readonly KeyRecord[]): ServingContext {
  const serving = servingMap();
  return {
    pipeline: new Pipeline({
      serving: () => serving,
      gauge: new SharedGauge(createGaugeBlock()),
      bytes: new ByteBudget(new SharedArrayBuffer(8), 1 << 28),
      recorder: new CounterWriter(createCounterBlock()),
      limits: DEFAULT_LIMITS,
      capture: null,
      coldLoads: null,
      quotas: null,
    }),
    gatekeeper:
      records.length === 0
        ? createOpenGatekeeper("infer", () => undefined)
        : createKeyGatekeeper(records, Date.now, () => undefined),
    log: createLogger("error", "http-cost"),
    connections: new ConnectionLimit(new SharedArrayBuffer(CONNECTION_CELL_BYTES), 10_000),
    isReady: () => true,
    isDraining: () => false,
    steer: () => Promise.reject(new Error("nothing to steer")),
    statistics: async () => [],
    logLevel: () => "info",
    setLogLevel: async () => undefined,
    storeLabels: () => Promise.reject(new Error("no labels")),
  };
}

function servingMap(): ServingMap {
  const counter = new LeaseCounter(readyServable());
  const { name } = COST_MODEL;
  const model = {
    name,
    aliases: new Map([["champion", 1]]),
    pendingAliases: new Set<string>(),
    onRequest: new Map(),
    versions: new Map([[1, counter]]),
    statuses: [],
  };
  return new ServingMap(1, new Map([[name, model]]));
}

/** The same two numbers for whatever comes. */
function readyServable(): Servable {
  const { name: model, platform, inputs, outputs } = COST_MODEL;
  const y: Tensor = {
    name: "y",
    datatype: "FP32",
    shape: [1, 2],
    data: Float32Array.of(0.123456789, -1.987654321),
  };
  const result: JobResult = { outputs: [y], queueMs: 0.01, computeMs: 0.01, batchRows: 1 };
  return {
    info: {
      key: "mlp/1#1",
      id: { model, version: 1 },
      platform,
      signature: { inputs, outputs },
      batching: null,
      maxQueue: 1000,
      slot: 1,
    },
    findOverload: () => null,
    cancel: () => undefined,
    predictDrainMs: () => null,
    run: () => Promise.resolve(result),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const birth = JSON.parse(process.argv[2] ?? "null") as CostServerBirth;
  const port =
    birth.kind === "echo" ? await serveEcho(birth.answerBytes) : await serveModel(birth.records);
  process.once("disconnect", () => process.exit());
  process.send?.(port);
}
