import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readKeyFile } from "./access/key-file.ts";
import { createKeyGatekeeper } from "./access/key-gatekeeper.ts";
import { startRedis } from "./testing/redis.ts";
import { needs } from "./testing/skip.ts";
import { scaleModel } from "./testing/tiny-models.ts";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-main-"));
});
after(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let homes = 0;

/** A folder of its own for a test to run in; its .sluice is the home. */
function makeFolder(): string {
  const cwd = join(folder, `run-${homes++}`);
  mkdirSync(join(cwd, ".sluice"), { recursive: true });
  return cwd;
}

/** The real entry, in a process of its own, without this process's environment. */
function sluice(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  return new Promise<Ended>((resolve, reject) => {
    const path = process.env["PATH"] ?? "";
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { PATH: path, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describe("sluice, the command line", () => {
  it("starts with the line that lets a shell run it", () => {
    assert.ok(readFileSync(MAIN, "utf8").startsWith("#!/usr/bin/env node\n"));
  });

  it("lists every command, and its version", async () => {
    const help = await sluice(folder, ["--help"]);
    assert.equal(help.code, 0);
    for (const name of "serve publish rollback remove keys audit validate doctor bench tune demo".split(
      " ",
    )) {
      assert.match(help.stdout, new RegExp(`^ {2}${name}\\b`, "m"));
    }
    const { stdout } = await sluice(folder, ["--version"]);
    assert.match(stdout, /^[0-9]+\.[0-9]+\.[0-9]+/);
  });

  it("refuses what it does not know with the nearest that it knows, in one line", async () => {
    const cases: [string[], string][] = [
      [["serv"], "sluice: unknown command 'serv' (Did you mean serve?)\n"],
      [
        ["serve", "--htp-port", "1"],
        "sluice: unknown option '--htp-port' (Did you mean --http-port?)\n",
      ],
      [["keys", "revok", "x"], "sluice: unknown command 'revok' (Did you mean revoke?)\n"],
      [["publish", "m.onnx"], "sluice: required option '--model <name>' not specified\n"],
    ];
    for (const [args, stderr] of cases) {
      assert.deepEqual(await sluice(folder, args), { code: 2, stdout: "", stderr });
    }
  });

  it("offers every setting as a flag of serve", async () => {
    const { stdout } = await sluice(folder, ["serve", "--help"]);
    for (const flag of ["--model-control-mode", "--load-model", "--exit-timeout-secs"]) {
      assert.ok(stdout.includes(flag), flag);
    }
  });
});

describe("sluice validate", () => {
  it("says OK, or the one thing that is wrong with exit code 2", async () => {
    const cwd = makeFolder();
    const good = await sluice(cwd, ["validate"]);
    assert.deepEqual(good, {
      code: 0,
      stdout: "OK: no server.yaml, no authentication\n",
      stderr: "",
    });
    writeFileSync(join(cwd, ".sluice", "server.yaml"), "httpPort: 70000\n");
    const bad = await sluice(cwd, ["validate"]);
    assert.deepEqual(bad, {
      code: 2,
      stdout: "",
      stderr:
        "sluice: httpPort (from server.yaml:1) must be an integer from 0 to 65535, got 70000\n",
    });
    const serve = await sluice(cwd, ["serve"]);
    assert.deepEqual(serve, bad, "serve says the same");
    const debug = await sluice(cwd, ["validate", "--log-level", "debug"]);
    assert.match(debug.stderr, /^sluice: httpPort[^\n]*\nConfigError: .*\n {4}at /);
  });

  it("checks the keys too", async () => {
    const cwd = makeFolder();
    writeFileSync(join(cwd, ".sluice", "keys.json"), "[]");
    const { code, stderr } = await sluice(cwd, ["validate"]);
    assert.equal(code, 2);
    assert.match(stderr, /^sluice: .*keys\.json: expected \{"schemaVersion": 1/);
  });

  it("prints the configuration without secrets", async () => {
    const env = { REDIS_URL: "redis://:hidden-word@127.0.0.1:1", AZURE_STORAGE_KEY: "hidden-key" };
    const args = ["validate", "--print", "--http-port", "0"];
    const { code, stdout, stderr } = await sluice(makeFolder(), args, env);
    assert.equal(code, 0);
    assert.match(stdout, /^httpPort: 0 # --http-port$/m);
    assert.doesNotMatch(stdout + stderr, /hidden/);
  });
});

describe("sluice keys and sluice audit", () => {
  it("make, list and revoke a key that the gatekeeper knows, and record it", async () => {
    const cwd = makeFolder();
    const flags = [
      "--name",
      "a b",
      "--role",
      "infer",
      "--models",
      "fraud-*, x",
      "--expires-days",
      "2",
    ];
    const made = await sluice(cwd, ["keys", "create", ...flags]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^slc_[0-9a-f]{12}\.[A-Za-z0-9_-]{43}\n$/);
    const file = join(cwd, ".sluice", "keys.json");
    const gatekeeperNow = () => createKeyGatekeeper(readKeyFile(file), Date.now, () => undefined);
    const { id, role, models } = gatekeeperNow().authenticate(made.stdout.trim());
    assert.deepEqual([role, models], ["infer", ["fraud-*", "x"]]);

    const list = await sluice(cwd, ["keys", "list"]);
    assert.match(list.stdout, new RegExp(`^${id} +infer +live +fraud-\\*,x .* a b$`, "m"));
    const revoked = await sluice(cwd, ["keys", "revoke", id]);
    assert.equal(revoked.code, 0, revoked.stderr);
    assert.match((await sluice(cwd, ["keys", "list"])).stdout, /revoked/);
    assert.throws(() => gatekeeperNow().authenticate(made.stdout.trim()), /revoked/);

    const audit = await sluice(cwd, ["audit", "verify"]);
    assert.match(audit.stdout, /^OK: 2 records, head [0-9a-f]{64}\n$/);
    const path = join(cwd, ".sluice", "audit.jsonl");
    const text = readFileSync(path, "utf8");
    assert.match(text, /"action":"key\.create","target":"[0-9a-f]{12}"/);
    const secret = made.stdout.trim().split(".")[1] ?? "";
    for (const kept of [text, readFileSync(file, "utf8")]) assert.ok(!kept.includes(secret));
    writeFileSync(path, text.replace("key.create", "key.creatE"));
    const broken = await sluice(cwd, ["audit", "verify"]);
    assert.equal(broken.code, 1);
    assert.match(
      broken.stderr,
      /^sluice: .*audit\.jsonl:1 does not match its own sha256; 0 records/,
    );
    const refused = await sluice(cwd, ["keys", "create", "--name", "x"]);
    assert.equal(refused.code, 1);
    assert.equal(readKeyFile(file).length, 1, "what cannot be recorded is not done");
  });

  it("say what they expect", async () => {
    const cwd = makeFolder();
    const create = ["keys", "create", "--name", "x"];
    const cases: [string[], RegExp][] = [
      [
        [...create, "--role", "amdin"],
        /--role must be one of .* got 'amdin' \(did you mean 'admin'/,
      ],
      [[...create, "--models", "a*b"], /--models must be names, .* got 'a\*b'/],
      [[...create, "--expires-days", "0"], /--expires-days must be an integer from 1/],
      [["keys", "list"], /keys\.json: no such file; 'sluice keys create' makes it/],
      [["keys", "revoke", "nobody"], /no key has the id 'nobody'/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await sluice(cwd, args);
      assert.match(stderr, message);
      assert.deepEqual([code, stdout, stderr.split("\n").length], [2, "", 2]);
    }
    const absent = await sluice(cwd, ["audit", "verify", "--file", "absent"]);
    assert.equal(absent.code, 1);
  });
});

describe("sluice publish, rollback and remove", () => {
  it("work on the repository that serve of the same home would read", async () => {
    const cwd = makeFolder();
    writeFileSync(join(cwd, "double.onnx"), scaleModel(2));
    writeFileSync(join(cwd, "triple.onnx"), scaleModel(3));
    const cases: [string[], RegExp][] = [
      [["publish", "double.onnx", "--model", "m"], /^published m version 1 \(champion\)/],
      [["publish", "triple.onnx", "--model", "m"], /^published m version 2 \(champion, was 1\)/],
      [["rollback", "--model", "m"], /^rolled back m to version 1/],
      [["remove", "--model", "m"], /^removed m, generation 4\n$/],
    ];
    for (const [args, stdout] of cases) {
      const ended = await sluice(cwd, args);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stdout, stdout);
    }
    const index = JSON.parse(readFileSync(join(cwd, ".sluice", "models", "index.json"), "utf8"));
    assert.deepEqual(index.removed, ["m"]);
    const absent = await sluice(cwd, ["publish", "absent.onnx", "--model", "m"]);
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /^sluice: absent\.onnx: cannot be read[^\n]*\n$/);
  });

  it("stop at the point that a kill test names", async () => {
    const cwd = makeFolder();
    writeFileSync(join(cwd, "m.onnx"), scaleModel(2));
    const args = [MAIN, "publish", "m.onnx", "--model", "m"];
    const child = spawn(process.execPath, args, { cwd, env: { SLUICE_TEST_PAUSE: "claimed" } });
    const [text] = (await once(child.stderr, "data")) as [Buffer];
    assert.equal(text.toString(), "paused at claimed\n");
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});

describe("sluice doctor", () => {
  const lineOf = (text: string, name: string) =>
    text.split("\n").find((line) => line.slice(6).startsWith(`${name} `)) ?? `no line '${name}'`;

  it("says what the machine can do", async () => {
    const { code, stdout } = await sluice(makeFolder(), ["doctor"]);
    assert.equal(code, 0, stdout);
    assert.match(lineOf(stdout, "node"), new RegExp(`^ok .*${process.versions.node}, ABI `));
    assert.match(lineOf(stdout, "onnxruntime-node"), /^ok .* [0-9.]+ loads/);
    assert.match(lineOf(stdout, "uWebSockets.js"), /^(ok .* loads|warn .* node:http)/);
    assert.match(lineOf(stdout, "home"), /^(ok|warn) .*GiB free/);
    assert.match(lineOf(stdout, "keys"), /^ok .*without authentication/);
  });

  it("fails where serve would, and says why", async () => {
    const cwd = makeFolder();
    const broken = await sluice(cwd, ["doctor", "--http-port", "x"]);
    assert.equal(broken.code, 1);
    assert.match(lineOf(broken.stdout, "config"), /^fail .*httpPort \(from --http-port\)/);
    const file = join(cwd, "file");
    writeFileSync(file, "");
    const home = await sluice(cwd, ["doctor", "--home", join(file, "x")]);
    assert.equal(home.code, 1);
    assert.match(lineOf(home.stdout, "home"), /^fail .*is not a folder/);
  });

  it("names a container and a Redis that do not answer, without the password", async () => {
    const args = ["doctor", "--model-repository", "http://127.0.0.1:1/account/models"];
    const env = { REDIS_URL: "redis://:hidden-word@127.0.0.1:1" };
    const { code, stdout } = await sluice(makeFolder(), args, env);
    assert.equal(code, 1);
    assert.match(
      lineOf(stdout, "repository"),
      /^fail .*127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/,
    );
    assert.match(lineOf(stdout, "redis"), /^warn .*127\.0\.0\.1:1 does not answer/);
    assert.doesNotMatch(stdout, /hidden/);
  });

  it("finds a Redis that answers", needs("redis"), async () => {
    const redis = await startRedis();
    try {
      const { stdout } = await sluice(makeFolder(), ["doctor", "--redis-url", redis.url]);
      assert.match(lineOf(stdout, "redis"), /^ok .* answers/);
    } finally {
      await redis.stop();
    }
  });
});
