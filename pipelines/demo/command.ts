import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type { ControlClient, InferenceClient } from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import { encodeRestRequest } from "../../protocols/oip-rest/client-codec.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { publishModel } from "../publish/publish.ts";
import { readIndex } from "../publish/update-index.ts";
import { type DemoAssets, loadDemoAssets } from "./demo-assets.ts";
import { pasteLines } from "./paste-lines.ts";
import { type ServerProcess, startServer } from "./server-process.ts";
import { type SwapReport, swapUnderLoad } from "./swap-under-load.ts";
import {
  emptyState,
  FRAME_SAMPLES,
  findSegments,
  frameInputs,
  type Segment,
  speechProbabilities,
} from "./voice-activity.ts";

export interface DemoIo {
  readonly stdout: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

const MODEL = "silero-vad";
const REF = { name: MODEL, version: null };
const READY_TIMEOUT_MS = 60_000;
const CLIENT_OPTIONS = { apiKey: null, timeoutMs: 10_000 };
/** A frame in the middle of a word, for the lines to paste. */
const PASTE_FRAME = 40;

/**
 * `npm start`: serves a real model, sends it real speech over every protocol, replaces it under
 * load, and stays up. Returns the exit code once the server has ended.
 */
export async function runDemo(io: DemoIo): Promise<number> {
  const startMs = performance.now();
  const home = resolve(io.cwd, io.env["SLUICE_HOME"] ?? ".sluice");
  const say = (text: string) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    io.stdout.write(`[${seconds.padStart(5)} s] ${text}\n`);
  };
  const assets = loadDemoAssets();
  const store = new DirectoryStore(join(home, "models"));
  say(`home ${home}`);
  await publishFirst(store, assets, say);
  const server = await startServer(["--home", home, "--log-level", "warn"]);
  stopOnSignal(server);
  say(`server up\n${indent(server.banner)}`);
  const clients = await connectAll(server);
  try {
    await whenReady(clients[0], server);
    say(`model '${MODEL}' is ready`);
    await hearSpeech(clients, assets, say);
    await showSwap(clients, store, assets, say);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  const framePath = writeFrame(home, io.cwd, assets);
  io.stdout.write(`\n${pasteLines(server, MODEL, framePath)}\n\nServing until Ctrl-C.\n`);
  const exitCode = await server.ended;
  io.stdout.write("stopped\n");
  return exitCode;
}

type Say = (text: string) => void;

async function publishFirst(store: DirectoryStore, assets: DemoAssets, say: Say): Promise<void> {
  const { models } = await readIndex(store);
  const champion = models[MODEL]?.aliases["champion"];
  if (champion !== undefined) {
    say(`repository has ${MODEL}, champion version ${champion}`);
    return;
  }
  const [first] = assets.models;
  const version = await publish(store, first as DemoAssets["models"][number]);
  say(`published ${first?.label} as ${MODEL} version ${version}`);
}

async function publish(
  store: DirectoryStore,
  model: DemoAssets["models"][number],
): Promise<number> {
  const { version } = await publishModel({
    store,
    modelName: MODEL,
    modelBytes: readFileSync(model.path),
    goldenBytes: null,
    alias: "champion",
    breaking: false,
    lineage: { label: model.label },
    pause: () => Promise.resolve(),
  });
  return version;
}

type Clients = readonly [InferenceClient & ControlClient, InferenceClient, InferenceClient];

async function connectAll(server: ServerProcess): Promise<Clients> {
  const streamUrl = `${server.httpUrl.replace("http", "ws")}/v2/stream`;
  return [
    createHttpClient(server.httpUrl, { ...CLIENT_OPTIONS, binary: true, maxSockets: 4 }),
    createGrpcClient(server.grpcTarget, CLIENT_OPTIONS),
    await createWebSocketClient(streamUrl, CLIENT_OPTIONS),
  ];
}

async function whenReady(client: ControlClient, server: ServerProcess): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  let isEnded = false;
  void server.ended.then(() => {
    isEnded = true;
  });
  while (!(await client.isModelReady(REF).catch(() => false))) {
    if (isEnded) throw new Error("the server ended before the model was ready; see above");
    if (performance.now() > deadlineMs) throw new Error(`'${MODEL}' was not ready in time`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function hearSpeech(clients: Clients, assets: DemoAssets, say: Say): Promise<void> {
  const { samples, sampleRate } = assets.speech;
  say(`${assets.speechLabel}: ${(samples.length / sampleRate).toFixed(1)} s of speech`);
  for (const client of clients) {
    const startMs = performance.now();
    const probabilities = await speechProbabilities(samples, async (inputs) => {
      const { outputs } = await client.infer(REF, { inputs, outputs: null });
      return outputs;
    });
    const perFrame = (performance.now() - startMs) / probabilities.length;
    say(
      `${client.protocol.padEnd(9)} ${probabilities.length} frames, ${perFrame.toFixed(2)} ms each: speech at ${tellSegments(findSegments(probabilities))}`,
    );
  }
}

function tellSegments(segments: readonly Segment[]): string {
  return segments
    .map(({ startSeconds, endSeconds }) => `${startSeconds.toFixed(2)}-${endSeconds.toFixed(2)} s`)
    .join(", ");
}

async function showSwap(
  clients: Clients,
  store: DirectoryStore,
  assets: DemoAssets,
  say: Say,
): Promise<void> {
  const { models } = await readIndex(store);
  const champion = models[MODEL]?.aliases["champion"] ?? 1;
  // Odd versions are the first file, even ones the second.
  const next = assets.models[champion % 2] as DemoAssets["models"][number];
  say(`publishing ${next.label} as the next version, under load over all three protocols …`);
  const inputs = frameInputs(assets.speech.samples, PASTE_FRAME * FRAME_SAMPLES, emptyState());
  const report = await swapUnderLoad(clients, REF, inputs, () => publish(store, next));
  for (const line of tellSwap(report)) say(line);
  if (report.failures.length > 0)
    throw new Error(`the swap failed requests: ${report.failures[0]}`);
}

function tellSwap({ answered, failures, firstNewMs }: SwapReport): string[] {
  const versions = [...answered].map(([version, count]) => `version ${version}: ${count}`);
  const first = [...firstNewMs].map(([protocol, ms]) => `${protocol} ${Math.round(ms)} ms`);
  return [
    `swapped: ${versions.join(", ")} answers; failed: ${failures.length}`,
    `first answer of the new version after publishing: ${first.join(", ")}`,
  ];
}

function writeFrame(home: string, cwd: string, assets: DemoAssets): string {
  const inputs = frameInputs(assets.speech.samples, PASTE_FRAME * FRAME_SAMPLES, emptyState());
  const { body } = encodeRestRequest({ inputs, outputs: null, id: null }, { binary: false });
  const folder = join(home, "demo");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "frame.json");
  writeFileSync(path, body);
  return relative(cwd, path) || path;
}

/** Ctrl-C reaches the server by itself, too; a signal to this process alone must as well. */
function stopOnSignal(server: ServerProcess): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => server.stop());
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "           ");
}
