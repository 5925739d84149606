import type { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { STATUS_CODES, STATUS_TABLE } from "../../../protocols/core/status.ts";
import { HONEST, HONEST_ANSWER, type Mutant, nextMutant } from "./http-mutants.ts";
import { Random } from "./random.ts";

export interface FuzzReport {
  readonly sent: number;
  /** Answers by `status code`; `none` where a broken head got none. */
  readonly answers: ReadonlyMap<string, number>;
  readonly honest: number;
  /** What must not be, each with the request in base64; at most ten. */
  readonly faults: readonly string[];
}

const HONEST_EVERY = 50;
const ANSWER_MS = 30_000;
/** What a broken head is given before its connection is left. */
const SILENCE_MS = 25;
const MAX_FAULTS = 10;
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/**
 * Sends `count` mutated requests to a server of the model `scale` (factor 2), an honest one after every
 * 50, over `connections` connections. The seed decides the requests of each connection.
 */
export async function fuzzHttp(
  port: number,
  { seed, count, connections }: { seed: number; count: number; connections: number },
): Promise<FuzzReport> {
  const report = { sent: 0, honest: 0, answers: new Map<string, number>(), faults: [] as string[] };
  const work = async (worker: number) => {
    const random = new Random(seed * 1000 + worker);
    const channel = new Channel(port);
    let own = 0;
    while (report.sent < count && report.faults.length < MAX_FAULTS) {
      report.sent += 1;
      own += 1;
      const mutant = nextMutant(random);
      const fault = await judge(port, channel, mutant, report.answers);
      if (fault !== null) report.faults.push(`${fault}: ${mutant.bytes.toString("base64")}`);
      if (own % HONEST_EVERY !== 0) continue;
      report.honest += 1;
      const { text } = await channel.ask(HONEST);
      if (!text.includes(HONEST_ANSWER)) report.faults.push(`an honest request got ${text}`);
    }
    channel.close();
  };
  await Promise.all(Array.from({ length: connections }, (_, worker) => work(worker)));
  return report;
}

async function judge(
  port: number,
  channel: Channel,
  { bytes, isFramed }: Mutant,
  answers: Map<string, number>,
): Promise<string | null> {
  const came = isFramed ? (await channel.ask(bytes)).text : await askOnce(port, bytes);
  const text = came.startsWith(CONTINUE) ? came.slice(CONTINUE.length) : came;
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? "none";
  const code = /"code":"([a-z-]*)"/.exec(text)?.[1] ?? "";
  const key = `${status} ${code}`.trim();
  answers.set(key, (answers.get(key) ?? 0) + 1);
  return faultOf(status, code, isFramed);
}

/** Null where the answer is one of the table; a library's own words are let pass for a broken head. */
function faultOf(status: string, code: string, isFramed: boolean): string | null {
  if (status === "200") return null;
  if (!isFramed && code === "" && ["none", "101", "400", "431", "505"].includes(status))
    return null;
  const known = STATUS_CODES.find((each) => each === code);
  if (known === undefined) return `an answer outside the table, ${status} '${code}'`;
  if (known === "internal") return "internal";
  return STATUS_TABLE[known].http === Number(status) ? null : `${code} came as ${status}`;
}

/** A connection that is opened again whenever the server ends it. */
class Channel {
  readonly #port: number;
  #socket: Socket | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** The whole answer; an empty text where the server ended the connection without one. */
  ask(request: Buffer): Promise<{ readonly text: string }> {
    this.#socket ??= connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    const socket = this.#socket;
    return new Promise((resolve) => {
      let text = "";
      const settle = () => {
        clearTimeout(timer);
        socket.off("data", take);
        socket.off("close", settle);
        if (socket.destroyed || /^connection: close/im.test(text)) this.close();
        resolve({ text });
      };
      const take = (chunk: Buffer) => {
        text += chunk.toString("latin1");
        if (isWhole(text)) settle();
      };
      const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
      socket.on("data", take);
      socket.on("close", settle);
      if (socket.listenerCount("error") === 0) socket.on("error", () => undefined);
      socket.write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length >= end + 4 + length;
}

/** What comes within a moment, over a connection of its own. */
function askOnce(port: number, request: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(request));
    const timer = setTimeout(() => socket.destroy(), SILENCE_MS);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (isWhole(text)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
