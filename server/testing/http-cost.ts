/**
 * What one HTTP request costs around the model: CPU microseconds of the server's process per request
 * (all of its threads, kernel included), for a bare uWebSockets.js app that reads a body and answers
 * as many bytes as we do, and for our listener, handler, codec and pipeline over a servable that
 * answers at once. Short runs in turn, 32 connections in a closed loop, medians. Prints a table.
 *
 *   node dist/server/testing/http-cost.js [--rounds 5] [--seconds 3] [--binary] [--keys]
 *     [--against DIST]        a third subject: the same out of another build, to compare two commits
 *     [--url URL --pid PID]   one more: a running server with the model of bench/mlp-model.ts as 'mlp'
 *     [--instructions]        by `perf stat` too: on a busy machine they wobble less than time does
 *     [--profile FOLDER]      leaves .cpuprofile files of the subjects there
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { HttpLane } from "../../bench/http-lane.ts";
import { createInputPool } from "../../bench/input-pool.ts";
import { encodeRestRequest } from "../../protocols/oip-rest/client-codec.ts";
import { createKey } from "../access/key-record.ts";
import { siblingUrl } from "../lib/sibling-url.ts";
import { COST_MODEL, type CostServerBirth } from "./http-cost-server.ts";

const CONNECTIONS = 32;
/** Until the compiler has seen enough. */
const WARMUP_REQUESTS = 40_000;
const WARMUP_STEP_MS = 1000;
const TIMEOUT_MS = 10_000;
const PATH = `/v2/models/${COST_MODEL.name}/infer`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    binary: { type: "boolean", default: false },
    keys: { type: "boolean", default: false },
    against: { type: "string" },
    url: { type: "string" },
    pid: { type: "string" },
    instructions: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});

/** A server under load, in a process of its own, and what its requests cost in each run. */
interface Subject {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly lanes: readonly HttpLane[];
  readonly poolSize: number;
  readonly cpuUs: number[];
  readonly instructions: number[];
  readonly perSec: number[];
  stop(): void;
}

const key = createKey({ name: "cost", role: "infer", models: ["*"], expiresAt: null }, new Date());

/** Whole requests, head and body. */
function requestsTo(url: URL): Buffer[] {
  return createInputPool(COST_MODEL, new Map()).map((input) => {
    const { body, jsonBytes } = encodeRestRequest({ ...input, id: null }, { binary: flags.binary });
    const head = [
      `POST ${PATH} HTTP/1.1`,
      `host: ${url.host}`,
      `content-type: application/${jsonBytes === null ? "json" : "octet-stream"}`,
      `content-length: ${body.byteLength}`,
      ...(jsonBytes === null ? [] : [`inference-header-content-length: ${jsonBytes}`]),
      ...(flags.keys ? [`authorization: Bearer ${key.text}`] : []),
      "\r\n",
    ];
    return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), body]);
  });
}

function subjectAt(name: string, url: string, pid: number, end: () => void): Subject {
  const requests = requestsTo(new URL(url));
  const lanes = Array.from(
    { length: CONNECTIONS },
    () => new HttpLane(new URL(url), requests, TIMEOUT_MS),
  );
  const stop = () => {
    for (const lane of lanes) lane.close();
    end();
  };
  const series = { cpuUs: [], instructions: [], perSec: [] };
  return { name, url, pid, lanes, poolSize: requests.length, stop, ...series };
}

async function start(name: string, entry: string, birth: CostServerBirth): Promise<Subject> {
  const execArgv =
    flags.profile === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${flags.profile}`, `--cpu-prof-name=${name}.cpuprofile`];
  const child = fork(entry, [JSON.stringify(birth)], { execArgv });
  const port = await firstMessage(child);
  return subjectAt(name, `http://127.0.0.1:${port}`, child.pid ?? 0, () => child.disconnect());
}

function firstMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((settle, reject) => {
    child.once("message", settle);
    child.once("exit", (code) => reject(new Error(`a server under test ended with ${code}`)));
  });
}

/** Answers within `ms` milliseconds; a failure ends the comparison. */
async function drive({ name, lanes, poolSize }: Subject, ms: number): Promise<number> {
  const untilMs = performance.now() + ms;
  let sent = 0;
  const use = async (lane: HttpLane): Promise<void> => {
    while (performance.now() < untilMs) {
      const { failure } = await lane.send(sent++ % poolSize, false);
      if (failure !== null) throw new Error(`${name}: ${failure.message}`);
    }
  };
  await Promise.all(lanes.map(use));
  return sent;
}

async function measure(subject: Subject, ms: number): Promise<void> {
  const counter = flags.instructions ? countInstructions(subject.pid) : null;
  const beforeUs = cpuUsOf(subject.pid);
  const startMs = performance.now();
  const answered = await drive(subject, ms);
  subject.cpuUs.push((cpuUsOf(subject.pid) - beforeUs) / answered);
  subject.perSec.push((answered * 1000) / (performance.now() - startMs));
  subject.instructions.push(counter === null ? 0 : (await counter()) / answered);
}

/** Fields 14 and 15 of /proc/<pid>/stat, in ticks of 10 ms: 0.3 % of a run of three seconds. */
function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Of user space. @returns ends the count */
function countInstructions(pid: number): () => Promise<number> {
  const perf = spawn("perf", ["stat", "-x,", "-e", "instructions:u", "-p", String(pid)]);
  let text = "";
  perf.stderr.on("data", (part: Buffer) => {
    text += part.toString();
  });
  const ended = new Promise<void>((settle) => perf.once("close", () => settle()));
  return async () => {
    perf.kill("SIGINT");
    await ended;
    return Number(text.split(",")[0]);
  };
}

async function answerBytes(url: string): Promise<number> {
  const [input] = createInputPool(COST_MODEL, new Map());
  if (input === undefined) throw new Error("the pool is empty");
  const { body, jsonBytes } = encodeRestRequest({ ...input, id: null }, { binary: flags.binary });
  const headers: Record<string, string> = { authorization: `Bearer ${key.text}` };
  if (jsonBytes !== null) headers["inference-header-content-length"] = String(jsonBytes);
  const answer = await fetch(`${url}${PATH}`, { method: "POST", headers, body: Buffer.from(body) });
  if (!answer.ok) throw new Error(`ours: ${answer.status} ${await answer.text()}`);
  return (await answer.arrayBuffer()).byteLength;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function print(subjects: readonly Subject[]): void {
  const echoUs = median(subjects[0]?.cpuUs ?? []);
  for (const { name, cpuUs, instructions, perSec } of subjects) {
    const [low, high] = [Math.min(...cpuUs), Math.max(...cpuUs)];
    const cost = median(cpuUs);
    const line = [
      name.padEnd(8),
      `${cost.toFixed(1)} µs/request (${low.toFixed(1)}-${high.toFixed(1)})`,
      `echo ${cost >= echoUs ? "+" : "-"} ${Math.abs(cost - echoUs).toFixed(1)} µs`,
      `${Math.round(median(perSec))}/s`,
    ];
    if (flags.instructions) line.push(`${Math.round(median(instructions))} instructions`);
    process.stdout.write(`${line.join("  ")}\n`);
  }
}

async function main(): Promise<void> {
  const entry = siblingUrl(import.meta.url, "./http-cost-server").pathname;
  const records = flags.keys ? [key.record] : [];
  const ours = await start("ours", entry, { kind: "serving", records });
  const bytes = await answerBytes(ours.url);
  const subjects = [await start("echo", entry, { kind: "echo", answerBytes: bytes }), ours];
  if (flags.against !== undefined) {
    const other = resolve(flags.against, "server/testing/http-cost-server.js");
    subjects.push(await start("other", other, { kind: "serving", records }));
  }
  if (flags.url !== undefined) {
    subjects.push(subjectAt("url", flags.url, Number(flags.pid), () => undefined));
  }
  for (const subject of subjects) {
    for (let done = 0; done < WARMUP_REQUESTS; ) done += await drive(subject, WARMUP_STEP_MS);
  }
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    for (const subject of subjects) await measure(subject, Number(flags.seconds) * 1000);
  }
  print(subjects);
  for (const subject of subjects) subject.stop();
}

await main();
