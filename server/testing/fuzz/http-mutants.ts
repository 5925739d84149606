import { Buffer } from "node:buffer";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

/** One request of the fuzzer. */
export interface Mutant {
  readonly bytes: Buffer;
  /** Its head is sound, so that exactly one answer must come; else anything but a second answer may. */
  readonly isFramed: boolean;
}

const VALUES = [1, 2, 3, 4];
const TENSOR = { name: "x", datatype: "FP32", shape: [1, 4], data: VALUES };
const RAW = Buffer.from(Float32Array.from(VALUES).buffer);
const BINARY_HEAD = Buffer.from(
  JSON.stringify({
    inputs: [
      { name: "x", datatype: "FP32", shape: [1, 4], parameters: { binary_data_size: RAW.length } },
    ],
    outputs: [{ name: "y", parameters: { binary_data: true } }],
  }),
);

interface Seed {
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

const INFER = "/v2/models/scale/infer";

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** What honest clients send. */
const SEEDS: readonly Seed[] = [
  { path: INFER, headers: [], body: json({ inputs: [TENSOR] }) },
  {
    path: INFER,
    headers: ["x-request-timeout-ms: 5000", "x-request-id: a-1"],
    body: json({
      id: "a",
      parameters: { a: "b", n: 1 },
      inputs: [TENSOR],
      outputs: [{ name: "y" }],
    }),
  },
  {
    path: "/v2/models/scale/versions/champion/infer",
    headers: [],
    body: json({ inputs: [{ ...TENSOR, data: [[1, 2, 3, null]] }] }),
  },
  {
    path: INFER,
    headers: [`inference-header-content-length: ${BINARY_HEAD.length}`],
    body: Buffer.concat([BINARY_HEAD, RAW]),
  },
  { path: "/v2/repository/index", headers: [], body: json({ ready: true }) },
  {
    path: "/v2/models/scale/labels",
    headers: [],
    body: json({ labels: [{ inference_id: "a", row: 0, label: 1 }] }),
  },
  { path: "/v2/repository/models/scale/load", headers: [], body: json({ parameters: {} }) },
];

const LINES: readonly string[] = [
  "content-encoding: identity",
  "content-encoding: gzip",
  "content-encoding: deflate",
  "accept-encoding: gzip;q=0, *;q=0.5",
  "inference-header-content-length: 0",
  "inference-header-content-length: 7",
  "inference-header-content-length: 4294967297",
  "x-request-timeout-ms: 0",
  "x-request-timeout-ms: 1",
  "x-request-timeout-ms: 1e3",
  "x-request-id: \xff",
  "x-api-key: nobody",
  "authorization: Bearer",
  "origin: http://localhost",
  "origin: null",
  "content-type: text/xml",
  "transfer-encoding: chunked",
  "expect: 100-continue",
  "upgrade: websocket",
];

/** How many of a hundred have a head that may be broken: each of those needs a connection of its own. */
const UNFRAMED_PERCENT = 4;

/** The honest request among the mutants, and what its answer holds. */
export const HONEST: Buffer = assemble(SEEDS[0] as Seed, [], (SEEDS[0] as Seed).body);
export const HONEST_ANSWER = '"data":[2,4,6,8]';

export function nextMutant(random: Random): Mutant {
  const seed = random.pick(SEEDS);
  if (random.below(100) < UNFRAMED_PERCENT) {
    const lines = [...seed.headers, random.pick(LINES)];
    return { bytes: mutate(assemble(seed, lines, seed.body), random), isFramed: false };
  }
  const safe = LINES.slice(0, -3);
  const extra = random.below(4) === 0 ? [random.pick(safe)] : [];
  const names = new Set(seed.headers.map((line) => line.split(":")[0]));
  const lines = [...seed.headers, ...extra.filter((line) => !names.has(line.split(":")[0]))];
  const body = random.below(8) === 0 ? seed.body : mutate(seed.body, random);
  return { bytes: assemble(seed, lines, body), isFramed: true };
}

function assemble({ path }: Seed, lines: readonly string[], body: Buffer): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    `content-length: ${body.length}`,
    ...lines,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}
