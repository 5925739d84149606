import { setTimeout as delay } from "node:timers/promises";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type {
  ControlClient,
  InferenceClient,
  LabelClient,
} from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import type { ModelRef } from "../../protocols/core/infer.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Say } from "./say.ts";
import type { Endpoints } from "./up-process.ts";

/** HTTP, gRPC, WebSocket. The caller closes them. */
export type Clients = readonly [
  InferenceClient & ControlClient & LabelClient,
  InferenceClient,
  InferenceClient,
];

const OPTIONS = { apiKey: null, timeoutMs: 10_000 };
const READY_TIMEOUT_MS = 60_000;
const TELL_EVERY_MS = 2000;

/** @throws Error when the server wants API keys; the demo has none */
export async function connectClients({ httpUrl, grpcTarget }: Endpoints): Promise<Clients> {
  const streamUrl = `${httpUrl.replace("http", "ws")}/v2/stream`;
  return [
    createHttpClient(httpUrl, { ...OPTIONS, binary: true, maxSockets: 4 }),
    createGrpcClient(grpcTarget, OPTIONS),
    await createWebSocketClient(streamUrl, OPTIONS).catch(explain),
  ];
}

/** Resolves when a model serves. */
export async function untilReady(
  client: ControlClient,
  ref: ModelRef,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const startMs = performance.now();
  let toldMs = 0;
  while (!(await isReady(client, ref))) {
    const waitedMs = performance.now() - startMs;
    if (waitedMs > READY_TIMEOUT_MS) {
      throw new Error(`'${ref.name}' was not ready within ${READY_TIMEOUT_MS / 1000} s`);
    }
    if (waitedMs - toldMs > TELL_EVERY_MS) {
      toldMs = waitedMs;
      say(`  vetting and loading it for ${(waitedMs / 1000).toFixed(0)} s`);
    }
    await delay(50, undefined, { signal });
  }
}

/** A model that the server has not heard of yet is not ready. */
function isReady(client: ControlClient, ref: ModelRef): Promise<boolean> {
  return client.isModelReady(ref).catch((thrown: unknown) => {
    if (thrown instanceof InferError && thrown.code === "model-not-found") return false;
    return explain(thrown);
  });
}

function explain(thrown: unknown): never {
  if (!(thrown instanceof InferError) || thrown.code !== "unauthenticated") throw thrown;
  throw new Error(
    "the server asks for API keys and the demo has none; choose another home (SLUICE_HOME)",
    { cause: thrown },
  );
}
