import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeRestRequest } from "../../protocols/oip-rest/client-codec.ts";
import { DirectoryStore } from "../publish/directory-store.ts";
import { type Clients, connectClients, untilReady } from "./connect-clients.ts";
import { type DemoAssets, loadDemoAssets } from "./demo-assets.ts";
import { DEMO_MODEL, DEMO_REF, exampleFrame } from "./demo-model.ts";
import {
  FLIGHT_MODEL,
  FLIGHT_OUTLET,
  type FlightProject,
  prepareFlightProject,
} from "./flight-project.ts";
import { hearSpeech } from "./hear-speech.ts";
import { pasteLines } from "./paste-lines.ts";
import { showPictures } from "./pictures/show-pictures.ts";
import { createSay, type Say } from "./say.ts";
import { showLife } from "./show-life.ts";
import { publishFirst, showSwap } from "./show-swap.ts";
import { type Endpoints, explainEnd, startUp, type UpProcess } from "./up-process.ts";

export interface DemoIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * `npm start`: serves a real model and replaces it under load; then lets another live its whole life
 * beside it, from files of flights to a retrained version; and stays up until SIGINT or SIGTERM, then
 * returns 0.
 * @throws Error with one line to show; everything that it started has ended by then
 */
export async function runDemo(io: DemoIo): Promise<number> {
  const interrupt = new AbortController();
  const home = resolve(io.cwd, io.env["SLUICE_HOME"] || ".sluice");
  const assets = loadDemoAssets();
  let up: UpProcess | null = null;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupt.abort();
      up?.stop();
    });
  }
  const say = createSay(io.stdout);
  say(`home ${home}`);
  const demo: Demo = { io, home, say, assets, project: prepareFlightProject(home) };
  await publishFirst(openStore(demo), assets, say);
  if (!interrupt.signal.aborted) {
    say("starting the server and the pipelines …");
    up = startUp(upArgs(demo), io.stderr);
    await runWith(up, demo, interrupt.signal);
  }
  io.stdout.write("stopped\n");
  return 0;
}

interface Demo {
  readonly io: DemoIo;
  readonly home: string;
  readonly say: Say;
  readonly assets: DemoAssets;
  readonly project: FlightProject;
}

/** Flags, since they win over an environment or a server.yaml that mean another server. */
function upArgs({ home, project }: Demo): readonly string[] {
  return [
    ...["--home", home, "--log-level", "warn"],
    ...["--model-repository", join(home, "models"), "--model-control-mode", "poll"],
    ...["--repository-poll-secs", "1", "--project-file", project.file, "--job-concurrency", "2"],
    // Speech is nobody's business: predictions of the flight model only.
    ...["--capture-folder", join(home, "capture"), "--capture-models", FLIGHT_MODEL],
    ...["--capture-file-secs", "1"],
  ];
}

/** Shows everything, waits for the end, and leaves nothing behind, whatever happens. */
async function runWith(up: UpProcess, demo: Demo, interrupt: AbortSignal): Promise<void> {
  const endpoints = await up.endpoints.catch((thrown: unknown) => {
    if (!interrupt.aborted) throw thrown;
    return null;
  });
  const over = new AbortController();
  const ended = up.ended.finally(() => over.abort());
  const shown = endpoints === null ? null : await tryShow(endpoints, demo, over.signal, interrupt);
  const isLost = over.signal.aborted;
  if (shown !== null) up.stop();
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
  let version = 0;
  try {
    await showModel(clients, demo, signal);
    await showPictures(clients[0], openStore(demo), say, signal);
    const { project } = demo;
    version = await showLife({
      endpoints,
      clients,
      project,
      flights: assets.flightsPath,
      io,
      say,
      signal,
    });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  const framePath = writeFrame(home, assets);
  const lines = pasteLines({
    endpoints,
    model: DEMO_MODEL,
    flightVersion: `${FLIGHT_MODEL}@${version}`,
    outlet: FLIGHT_OUTLET,
    home,
    framePath,
    cwd: io.cwd,
  });
  io.stdout.write(`\n${lines}\n\nServing until Ctrl-C.\n`);
}

async function showModel(clients: Clients, demo: Demo, signal: AbortSignal): Promise<void> {
  const { say, assets } = demo;
  await untilReady(clients[0], DEMO_REF, say, signal);
  say(`model '${DEMO_MODEL}' is ready`);
  await hearSpeech(clients, assets, say, signal);
  await showSwap(clients, openStore(demo), assets, say, signal);
}

function openStore({ home }: Pick<Demo, "home">): DirectoryStore {
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
