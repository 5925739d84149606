import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import { freePorts } from "../free-ports.ts";
import type { Endpoints, Protocol } from "../load-plan.ts";
import { readProcessTree, treeCpuUs } from "../machine/process-tree.ts";
import { isSetUp, peerEnvironment, peerFile } from "./peer-environment.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** Another model server that a user could pick, with the settings its documentation recommends. */
export interface Peer {
  readonly name: string;
  /** One line for people. */
  readonly what: string;
  /** What it answers with the Open Inference Protocol's messages. */
  readonly protocols: readonly Protocol[];
  /** Why it is listed but cannot be measured; null when it can. */
  readonly cannotRun: string | null;
}

const JSON_ONLY = ["http-json"] as const;

export const PEERS: readonly Peer[] = [
  {
    name: "fastapi",
    what: "FastAPI and onnxruntime under uvicorn, orjson, a worker a core",
    protocols: JSON_ONLY,
    cannotRun: null,
  },
  {
    name: "litserve",
    what: "LitServe, a worker a core",
    protocols: JSON_ONLY,
    cannotRun: null,
  },
  { name: "bentoml", what: "BentoML, a worker a core", protocols: JSON_ONLY, cannotRun: null },
  {
    name: "ray-serve",
    what: "Ray Serve, a replica a core, batching on",
    protocols: JSON_ONLY,
    cannotRun: null,
  },
  {
    name: "mlserver",
    what: "MLServer with an onnxruntime class",
    protocols: ["http-json", "grpc"],
    cannotRun: null,
  },
  {
    name: "kserve",
    what: "KServe's Python model server, a worker a core",
    protocols: ["http-json", "http-binary", "grpc"],
    cannotRun: null,
  },
  {
    name: "triton",
    what: "Triton through PyTriton: its Python backend calling onnxruntime, batching on",
    protocols: ["http-json", "http-binary", "grpc"],
    cannotRun: null,
  },
  {
    name: "triton-onnx",
    what: "Triton with its ONNX Runtime backend",
    protocols: ["http-json", "http-binary", "grpc"],
    cannotRun:
      "nvidia-pytriton 0.7.0, the package that carries tritonserver, has the Python backend only; the ONNX Runtime backend comes with the container image",
  },
  {
    name: "openvino",
    what: "OpenVINO Model Server",
    protocols: ["http-json", "grpc"],
    cannotRun:
      "no package of the server: pip says 'No matching distribution found for openvino-model-server' (ovmsclient is a client)",
  },
  {
    name: "tensorflow-serving",
    what: "TensorFlow Serving",
    protocols: [],
    cannotRun:
      "no package of the server: pip says 'No matching distribution found for tensorflow-model-server'; it serves SavedModels, not ONNX",
  },
  {
    name: "torchserve",
    what: "TorchServe with an onnxruntime handler",
    protocols: ["http-json"],
    cannotRun:
      "torchserve 0.12.0 imports torch in every worker (ts/protocol/otf_message_handler.py), which makes its environment 5.5 GB; its project is archived. Not tried further",
  },
];

export interface PeerStatus {
  readonly name: string;
  readonly what: string;
  readonly protocols: readonly Protocol[];
  /** Why it is not set up or cannot run; null when it can be started. */
  readonly reason: string | null;
}

export interface PeerOptions {
  readonly modelFile: string;
  readonly modelName: string;
  /** Threads inside one run of one worker; null: 1, as the peers run a worker a core. */
  readonly intraOpThreads: number | null;
  /** Cores such as "0,2-3"; null: all. The peers start as many workers as they have cores. */
  readonly cpus: string | null;
}

export interface RunningPeer {
  readonly endpoints: Endpoints;
  /** Every process of the server that is there now, for CPU time and memory. */
  pids(): number[];
  /** Ends all of them and removes what they wrote. Never rejects. */
  stop(): Promise<void>;
}

const PROBE_TIMEOUT_MS = 2000;
const START_ATTEMPTS = 3;
const START_TIMEOUT_MS = 120_000;
const START_POLL_MS = 100;
const SETTLE_TIMEOUT_MS = 15_000;
const SETTLE_POLL_MS = 300;
/** Of SETTLE_POLL_MS: the tree is idle below a quarter of a core. */
const IDLE_CPU_US = 70_000;

/** @throws Error that lists the names for one that is not among them */
export function findPeer(name: string): Peer {
  const peer = PEERS.find((candidate) => candidate.name === name);
  if (peer !== undefined) return peer;
  const known = PEERS.map((candidate) => candidate.name).join(", ");
  throw new Error(`expected a peer among ${known}; got '${name}'`);
}

/** Every peer, and for each that cannot be started why. Starts nothing. */
export function describePeers(): PeerStatus[] {
  return PEERS.map((peer) => {
    const { name, what, protocols } = peer;
    return { name, what, protocols, reason: explainAbsence(peer) };
  });
}

/**
 * Starts a peer that is set up and waits until it is ready and its workers have settled (a worker
 * that is still importing would get no share of the connections made now). A server that ends
 * instead is logged and started again: PyTriton for one gives its own parts a second to find each
 * other, which a busy machine does not keep. Linux only.
 * @param log takes one line at a time
 * @throws Error with the server's last words when it does not come up
 */
export async function startPeer(
  name: string,
  options: PeerOptions,
  log: (line: string) => void,
): Promise<RunningPeer> {
  const peer = findPeer(name);
  const absence = explainAbsence(peer);
  if (absence !== null) throw new Error(`${name}: ${absence}`);
  for (let attempt = 1; ; attempt += 1) {
    const startMs = performance.now();
    try {
      const running = await startOnce(peer, options);
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      log(`${name}: ready after ${seconds} s at ${running.endpoints.url}`);
      return running;
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const isLate = performance.now() - startMs > START_TIMEOUT_MS;
      if (isLate || attempt === START_ATTEMPTS)
        throw new Error(`${name}: ${why}`, { cause: thrown });
      log(`${name}: start ${attempt} of ${START_ATTEMPTS} failed: ${why.split("\n").at(-1) ?? ""}`);
    }
  }
}

async function startOnce(peer: Peer, options: PeerOptions): Promise<RunningPeer> {
  const folder = await mkdtemp(join(tmpdir(), "peer-"));
  const [http = 0, grpc = 0, spare = 0] = await freePorts(3);
  const { python } = peerEnvironment(peer.name);
  const script = peerFile(peer.name, "server.py");
  const env = describeWorld(options, { http, grpc, spare }, python, folder);
  const server = new SupervisedProcess({ python, script, folder, env, cpus: options.cpus });
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const url = `http://127.0.0.1:${http}`;
  try {
    await waitUntilReady(server, url, options.modelName);
    await waitUntilIdle(server);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const endpoints = { url, grpc: peer.protocols.includes("grpc") ? `127.0.0.1:${grpc}` : null };
  return { endpoints, pids: () => server.pids(), stop };
}

function explainAbsence(peer: Peer): string | null {
  if (peer.cannotRun !== null) return peer.cannotRun;
  if (process.platform !== "linux") return "peers are started on Linux only";
  try {
    if (isSetUp(peerEnvironment(peer.name))) return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return `not set up; run 'sluice bench --set-up-peers ${peer.name}'`;
}

/** The whole environment of the server's processes: settings of the caller's shell must not decide. */
function describeWorld(
  options: PeerOptions,
  ports: { readonly http: number; readonly grpc: number; readonly spare: number },
  python: string,
  folder: string,
): Record<string, string> {
  return {
    PATH: [dirname(python), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter),
    HOME: folder,
    TMPDIR: folder,
    LANG: "C.UTF-8",
    PYTHONPATH: dirname(peerFile("python", "onnx_model.py")),
    PYTHONDONTWRITEBYTECODE: "1",
    ORT_DISABLE_TELEMETRY: "1",
    PEER_MODEL_FILE: resolve(options.modelFile),
    PEER_MODEL_NAME: options.modelName,
    PEER_HTTP_PORT: String(ports.http),
    PEER_GRPC_PORT: String(ports.grpc),
    PEER_SPARE_PORT: String(ports.spare),
    PEER_INTRA_OP_THREADS: String(options.intraOpThreads ?? 1),
  };
}

async function waitUntilReady(server: SupervisedProcess, url: string, name: string): Promise<void> {
  const options = { apiKey: null, timeoutMs: PROBE_TIMEOUT_MS, binary: false, maxSockets: 1 };
  const client = createHttpClient(url, options);
  const isReady = () => client.isModelReady({ name, version: null }).catch(() => false);
  try {
    await server.until(isReady, START_TIMEOUT_MS, START_POLL_MS);
  } finally {
    await client.close();
  }
}

/** A server that is busy by nature is taken as it is after a while. */
async function waitUntilIdle(server: SupervisedProcess): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
  let before = Number.NEGATIVE_INFINITY;
  const isIdle = async () => {
    const now = treeCpuUs(readProcessTree(server.pids()));
    const used = now - before;
    before = now;
    return used <= IDLE_CPU_US || performance.now() > deadlineMs;
  };
  await server.until(isIdle, SETTLE_TIMEOUT_MS * 2, SETTLE_POLL_MS);
}
