import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeRestRequest } from "../../protocols/oip-rest/client-codec.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { connectClients, untilReady } from "./connect-clients.ts";
import { type DemoAssets, loadDemoAssets } from "./demo-assets.ts";
import { DEMO_MODEL, exampleFrame } from "./demo-model.ts";
import { hearSpeech } from "./hear-speech.ts";
import { pasteLines } from "./paste-lines.ts";
import { createSay, type Say } from "./say.ts";
import { type Endpoints, explainEnd, type ServerProcess, startServer } from "./server-process.ts";
import { publishFirst, showSwap } from "./show-swap.ts";

export interface DemoIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * `npm start`: serves a real model, sends it real speech over every protocol, replaces it under
 * load, and stays up until SIGINT or SIGTERM, then returns 0.
 * @throws Error with one line to show; the server has ended by then
 */
export async function runDemo(io: DemoIo): Promise<number> {
  const interrupt = new AbortController();
  const demo: Demo = {
    io,
    home: resolve(io.cwd, io.env["SLUICE_HOME"] || ".sluice"),
    say: createSay(io.stdout),
    assets: loadDemoAssets(),
  };
  let server: ServerProcess | null = null;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      interrupt.abort();
      server?.stop();
    });
  }
  demo.say(`home ${demo.home}`);
  await publishFirst(openStore(demo), demo.assets, demo.say);
  if (!interrupt.signal.aborted) {
    demo.say("starting the server …");
    server = startServer(serveArgs(demo), io.stderr);
    await runWith(server, demo, interrupt.signal);
  }
  io.stdout.write("stopped\n");
  return 0;
}

interface Demo {
  readonly io: DemoIo;
  readonly home: string;
  readonly say: Say;
  readonly assets: DemoAssets;
}

/** Flags, since they win over an environment or a server.yaml that mean another server. */
function serveArgs({ home }: Demo): readonly string[] {
  const repository = ["--model-repository", join(home, "models"), "--model-control-mode", "poll"];
  return ["--home", home, "--log-level", "warn", ...repository];
}

/** Shows everything, waits for the server's end, and leaves none behind, whatever happens. */
async function runWith(server: ServerProcess, demo: Demo, interrupt: AbortSignal): Promise<void> {
  const endpoints = await server.endpoints.catch((thrown: unknown) => {
    if (!interrupt.aborted) throw thrown;
    return null;
  });
  const over = new AbortController();
  const ended = server.ended.finally(() => over.abort());
  const shown = endpoints === null ? null : await tryShow(endpoints, demo, over.signal, interrupt);
  const isLost = over.signal.aborted;
  if (shown !== null) server.stop();
  const end = await ended;
  if (interrupt.aborted) return;
  // What the clients met when the server went away explains less than its end does.
  if (end.exitCode !== 0 || (shown !== null && isLost)) throw new Error(explainEnd(end, ""));
  if (shown !== null) throw shown;
}

/** Returns what went wrong, null for nothing. */
async function tryShow(
  endpoints: Endpoints,
  demo: Demo,
  over: AbortSignal,
  interrupt: AbortSignal,
): Promise<Error | null> {
  try {
    await show(endpoints, demo, AbortSignal.any([over, interrupt]));
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  }
}

async function show(endpoints: Endpoints, demo: Demo, signal: AbortSignal): Promise<void> {
  const { io, home, say, assets } = demo;
  say(`server up\n${indent(endpoints.banner)}`);
  const clients = await connectClients(endpoints);
  try {
    await untilReady(clients[0], say, signal);
    say(`model '${DEMO_MODEL}' is ready`);
    await hearSpeech(clients, assets, say, signal);
    await showSwap(clients, openStore(demo), assets, say, signal);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  const framePath = writeFrame(home, assets);
  const lines = pasteLines({ endpoints, model: DEMO_MODEL, home, framePath, cwd: io.cwd });
  io.stdout.write(`\n${lines}\n\nServing until Ctrl-C.\n`);
}

function openStore({ home }: Demo): DirectoryStore {
  return new DirectoryStore(join(home, "models"));
}

function writeFrame(home: string, assets: DemoAssets): string {
  const request = { inputs: exampleFrame(assets), outputs: ["output"], id: null };
  const { body } = encodeRestRequest(request, { binary: false });
  const folder = join(home, "demo");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "frame.json");
  writeFileSync(path, body);
  return path;
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "           ");
}
