import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { STATUS_TABLE, type StatusCode } from "../../protocols/core/status.ts";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey, type KeyRecord } from "../access/key-record.ts";
import { createRawClient, type RawClient } from "../transport/grpc/testing/raw-client.ts";
import { ask, StreamClient } from "../transport/testing/clients.ts";
import { CREDENTIAL_CASES, FRAME_CASES, REQUEST_CASES } from "./bad-input-cases.ts";
import {
  CONFIG_CASES,
  type ConfigCase,
  type FileCase,
  MANIFEST_CASES,
  MODEL_CASES,
} from "./bad-input-files.ts";
import { LABEL_CASES } from "./bad-input-labels.ts";
import { BAD_FILES, BAD_VERSIONS } from "./bad-input-makers.ts";
import type { FrameCase, GrpcCase, HttpCase, WireCase } from "./bad-input-shapes.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { scaleModel } from "./tiny-models.ts";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const INPUT = { name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
const GOOD_BODY = JSON.stringify({ inputs: [INPUT] });
const GOOD_FRAME = JSON.stringify({ id: "good", model_name: "scale", inputs: [INPUT] });
const GOOD_CALL = {
  model_name: "scale",
  inputs: [{ name: "x", datatype: "FP32", shape: ["1", "4"] }],
  raw_input_contents: [Buffer.alloc(16)],
};

type Keys = ReadonlyMap<string, string>;

/** What must not be in an error: places on this machine, code, secrets. */
const LEAKS = [tmpdir(), process.cwd(), "node:internal", "    at ", "hidden-word", "slc_"];

function assertSame(text: string, expected: string): void {
  const normal = text
    .replaceAll(/\b[0-9a-f]{64}\b/g, "<sha256>")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "<key>");
  assert.equal(normal, expected);
  for (const leak of LEAKS.filter((each) => !expected.includes(each))) {
    assert.ok(!normal.includes(leak), `leaks '${leak}'`);
  }
}

/** `invalid-argument 400` -> code and number, which must fit the table. */
function splitAnswer(answer: string, wire: "http" | "grpc"): { code: string; status: number } {
  const [code = "", status = ""] = answer.split(" ");
  assert.equal(STATUS_TABLE[code as StatusCode][wire], Number(status), "as in the status table");
  return { code, status: Number(status) };
}

/** One server and its gRPC client; sends a bad case, then a good request through the same door. */
class Doors {
  readonly #server: ScenarioServer;
  readonly #raw: RawClient;
  readonly #keys: Keys;

  constructor(server: ScenarioServer, raw: RawClient, keys: Keys) {
    this.#server = server;
    this.#raw = raw;
    this.#keys = keys;
  }

  check(each: WireCase): Promise<void> {
    if (each.door === "HTTP") return this.#checkHttp(each);
    return each.door === "gRPC" ? this.#checkGrpc(each) : this.#checkFrame(each);
  }

  async close(): Promise<void> {
    this.#raw.close();
    assert.equal(await this.#server.stop(), true);
  }

  async #checkHttp(each: HttpCase): Promise<void> {
    const { code, status } = splitAnswer(each.answer, "http");
    const [method = "", path = ""] = each.ask.split(" ");
    const jsonBytes = String(Buffer.byteLength(each.body ?? ""));
    const body = Buffer.concat([Buffer.from(each.body ?? ""), Buffer.alloc(each.tailBytes ?? 0)]);
    const headers = {
      ...(each.tailBytes === undefined ? {} : { "inference-header-content-length": jsonBytes }),
      ...each.headers,
      ...this.#headers(each.key),
    };
    const port = this.#server.endpoints.httpPort;
    const sent = method === "GET" ? { method, headers } : { method, headers, body };
    const { status: got, json } = await ask(port, path, sent);
    assertSame(json.error, each.message);
    assert.deepEqual([json.code, got], [code, status]);
    const good = { body: GOOD_BODY, headers: this.#headers("good") };
    assert.equal((await ask(port, "/v2/models/scale/infer", good)).status, 200);
  }

  async #checkGrpc(each: GrpcCase): Promise<void> {
    const { code, status } = splitAnswer(each.answer, "grpc");
    const metadata = this.#headers(each.key);
    const { error, trailers } = await this.#raw.call(each.method, each.request, { metadata });
    assertSame(error?.details ?? "no error", each.message);
    assert.deepEqual([trailers.get("sluice-code"), error?.code], [[code], status]);
    const good = await this.#raw.call("ModelInfer", GOOD_CALL, {
      metadata: this.#headers("good"),
    });
    assert.equal(good.error, null);
  }

  async #checkFrame(each: FrameCase): Promise<void> {
    const port = this.#server.endpoints.httpPort;
    const headers = this.#headers(each.key);
    const client = await new StreamClient(port, "/v2/stream", headers).settled();
    if (each.frame === null) {
      const { code, status } = splitAnswer(each.answer, "http");
      assertSame(client.refused?.json.error, each.message);
      assert.deepEqual([client.refused?.json.code, client.refused?.status], [code, status]);
      await this.#checkGoodFrame(new StreamClient(port, "/v2/stream", this.#headers("good")), 1);
      return;
    }
    client.ws.send(each.frame);
    const [error] = await client.waitFrames(1);
    assertSame(error.error, each.message);
    assert.deepEqual([error.code, error.id], [each.answer, each.id]);
    if (each.key === undefined) return this.#checkGoodFrame(client, 2);
    client.ws.terminate();
    return this.#checkGoodFrame(new StreamClient(port, "/v2/stream", this.#headers("good")), 1);
  }

  /** On the same connection; `count` frames in all, so that one bad frame gave one error. */
  async #checkGoodFrame(client: StreamClient, count: number): Promise<void> {
    await client.settled();
    client.ws.send(GOOD_FRAME);
    const frames = await client.waitFrames(count);
    assert.deepEqual([frames.length, frames.at(-1).id], [count, "good"]);
    assert.equal(frames.at(-1).error, undefined);
    client.ws.terminate();
  }

  #headers(key: string | undefined): Record<string, string> {
    const text = key === undefined ? undefined : this.#keys.get(key);
    return text === undefined ? {} : { "x-api-key": text };
  }
}

async function openDoors(keys: Keys, records: readonly KeyRecord[]): Promise<Doors> {
  const home = mkdtempSync(join(folder, "home-"));
  if (records.length > 0) await updateKeyFile(keyFilePath(home), () => records);
  const server = await startScenario({ threads: "1", maxBodyBytes: "65536" }, { home });
  await publishTiny(openStore(server.repository), "scale", scaleModel(2));
  await server.whenState("scale", 1, "ready");
  return new Doors(server, await createRawClient(server.endpoints.grpcPort), keys);
}

function makeKeys(): { keys: Keys; records: readonly KeyRecord[] } {
  const now = new Date();
  const make = (role: "read" | "infer", models: string, expiresAt: Date | null = null) =>
    createKey({ name: "test", role, models: [models], expiresAt }, now);
  const good = make("infer", "*");
  const revoked = make("infer", "*");
  const expired = make("infer", "*", new Date(now.getTime() - 1000));
  const reader = make("read", "*");
  const other = make("infer", "other-*");
  const forged = `${good.text.split(".")[0]}.${revoked.text.split(".")[1]}`;
  const all = { good, revoked, expired, reader, other };
  return {
    keys: new Map([
      ["foreign", "slc_nobody"],
      ["forged", forged],
      ...Object.entries(all).map(([name, { text }]) => [name, text] as const),
    ]),
    records: Object.values(all).map(({ record }) =>
      record === revoked.record ? { ...record, revokedAt: now.toISOString() } : record,
    ),
  };
}

/** The real entry in a process of its own; says everything on one line of standard error. */
async function expectRefused(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  exitCode: number,
  message: string,
): Promise<void> {
  const path = process.env["PATH"] ?? "";
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { PATH: path, ...env } });
  let stderr = "";
  let stdout = "";
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString("utf8");
  });
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString("utf8");
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const said = stderr.replaceAll(cwd, "<folder>");
  assertSame(said, `sluice: ${message}\n`);
  assert.deepEqual([code, stdout], [exitCode, ""]);
}

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-bad-input-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function wireSuite(title: string, cases: readonly WireCase[], open: () => Promise<Doors>): void {
  describe(title, () => {
    let doors: Doors;
    before(async () => {
      doors = await open();
    });
    after(() => doors.close());
    for (const each of cases) it(`${each.door}: ${each.what}`, () => doors.check(each));
  });
}

wireSuite("bad requests and frames", [...REQUEST_CASES, ...LABEL_CASES, ...FRAME_CASES], () =>
  openDoors(new Map(), []),
);
wireSuite("bad credentials", CREDENTIAL_CASES, () => {
  const { keys, records } = makeKeys();
  return openDoors(keys, records);
});

const FILE_CASES = [...MODEL_CASES, ...MANIFEST_CASES];

describe("bad models, manifests and indexes, published", () => {
  for (const each of FILE_CASES.filter(({ door }) => door === "sluice publish")) {
    it(each.what, async () => {
      const cwd = mkdtempSync(join(folder, "publish-"));
      const { index, files, args = [] } = BAD_FILES[each.file] ?? assert.fail(each.file);
      const repository = join(cwd, "repository");
      await publishTiny(openStore(repository), "m", scaleModel(2));
      const path = join(repository, "index.json");
      if (index !== undefined) writeFileSync(path, index(readFileSync(path, "utf8")));
      const before = readFileSync(path, "utf8");
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
      const where = ["--model", "m", "--model-repository", repository];
      await expectRefused(["publish", "m.onnx", ...where, ...args], cwd, {}, 1, each.message);
      assert.equal(readFileSync(path, "utf8"), before, "nothing was made visible");
    });
  }
});

describe("bad models and manifests, found in the repository", () => {
  let server: ScenarioServer;
  before(async () => {
    // The portable engine refuses more: bfloat16.
    server = await startScenario({ repositoryPollSecs: "0.05", engine: "portable" });
    await publishTiny(openStore(server.repository), "scale", scaleModel(2));
    await server.whenState("scale", 1, "ready");
  });
  after(() => server.stop());

  for (const each of FILE_CASES.filter(({ door }) => door === "repository")) {
    it(each.what, async () => {
      const make = BAD_VERSIONS[each.file] ?? assert.fail(each.file);
      await make(server.repository, each.file);
      await server.whenState(each.file, 1, "failed");
      assertSame(await expectUnavailable(server, each), each.message);
      const { endpoints } = server;
      const good = await ask(endpoints.httpPort, "/v2/models/scale/infer", { body: GOOD_BODY });
      assert.equal(good.status, 200);
    });
  }
});

/** @returns the reason */
async function expectUnavailable(server: ScenarioServer, each: FileCase): Promise<string> {
  const { json } = await ask(server.endpoints.httpPort, "/v2/repository/index", { body: "{}" });
  const entries = json.filter(({ name }: { name: string }) => name === each.file);
  assert.equal(entries.length, 1);
  assert.equal(entries[0].state, each.answer);
  return entries[0].reason;
}

describe("bad configuration", () => {
  const check = (each: ConfigCase) => {
    const cwd = mkdtempSync(join(folder, "config-"));
    const home = join(cwd, ".sluice");
    mkdirSync(home);
    if (each.yaml !== undefined) writeFileSync(join(home, "server.yaml"), each.yaml);
    if (each.keys !== undefined) writeFileSync(join(home, "keys.json"), each.keys);
    return expectRefused(["serve", ...(each.args ?? [])], cwd, each.env ?? {}, 2, each.message);
  };
  for (const each of CONFIG_CASES) it(`${each.door}: ${each.what}`, () => check(each));
});
