import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type DemoProcess, processesWith, startDemo } from "./testing/demo-process.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));
const OTHER_PORTS =
  "SLUICE_HTTP_PORT, SLUICE_GRPC_PORT, SLUICE_METRICS_PORT, SLUICE_ADMIN_PORT, SLUICE_PIPELINES_PORT and SLUICE_PIPELINES_METRICS_PORT choose other ports";
const FIRST_ANSWER = /^\[ *([0-9.]+) s\] http +[0-9]+ frames/m;
const hasCurl = spawnSync("curl", ["--version"], { stdio: "ignore" }).status === 0;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-demo-"));
});
const demos: DemoProcess[] = [];
after(async () => {
  for (const demo of demos) demo.stop("SIGTERM");
  await Promise.all(demos.map((demo) => demo.ended));
  rmSync(folder, { recursive: true });
});

/** Ends with the tests, whatever they found. */
function start(home: string, env: Record<string, string> = {}): DemoProcess {
  const demo = startDemo(home, ROOT, env);
  demos.push(demo);
  return demo;
}

/** Runs a line of shell in the checkout; resolves with its standard output, rejects unless it exits with 0. */
function paste(line: string): Promise<string> {
  const env = { PATH: process.env["PATH"], HOME: folder, npm_config_update_notifier: "false" };
  return new Promise((done, fail) => {
    execFile("sh", ["-c", line], { cwd: ROOT, env }, (error, stdout) => {
      if (error === null) done(stdout);
      else fail(error);
    });
  });
}

describe("npm start", () => {
  const started: { home: string; demo: DemoProcess | null } = { home: "", demo: null };
  const lines = { stdout: "", pasted: [] as string[] };
  before(async () => {
    started.home = join(folder, "first");
    started.demo = start(started.home);
    const { input } = await started.demo.whenSaid(/Serving until Ctrl-C\.\n/);
    lines.stdout = input;
    lines.pasted = [...input.matchAll(/^ {2}((?:curl|npx) .*)$/gm)].map(([, line = ""]) => line);
  });

  it("hears the same speech over the three protocols, within a minute", () => {
    const heard = [
      ...lines.stdout.matchAll(/^\[ *[0-9.]+ s\] (http|grpc|websocket) +343 frames, .*at (.*)$/gm),
    ];
    assert.deepEqual(
      heard.map(([, protocol]) => protocol),
      ["http", "grpc", "websocket"],
    );
    assert.equal(new Set(heard.map(([, , segments]) => segments)).size, 1);
    const times = [...(heard[0]?.[2] ?? "").matchAll(/([0-9.]+)-([0-9.]+) s/g)].map(
      ([, from, to]): [number, number] => [Number(from), Number(to)],
    );
    assert.ok(times.length >= 3, "And so, my fellow Americans, ask not: pauses between them");
    const first = times[0] ?? [0, 0];
    const last = times.at(-1) ?? [0, 0];
    assert.ok(Math.abs(first[0] - 0.32) < 0.1 && Math.abs(first[1] - 2.21) < 0.2, String(first));
    assert.ok(Math.abs(last[0] - 8.19) < 0.2 && Math.abs(last[1] - 10.59) < 0.2, String(last));
    assert.ok(Number(FIRST_ANSWER.exec(lines.stdout)?.[1]) < 60);
  });

  it("swaps under load and fails no request", () => {
    const [, one, two] =
      /swapped: version 1: ([0-9]+), version 2: ([0-9]+) answers; failed: 0$/m.exec(lines.stdout) ??
      [];
    assert.ok(Number(one) > 10 && Number(two) > 10, lines.stdout);
    assert.match(lines.stdout, /after publishing: http \d+ ms, grpc \d+ ms, websocket \d+ ms$/m);
  });

  it("reads a line of print and finds the face in a picture, and where", () => {
    assert.match(lines.stdout, /pp-ocr reads in line\.png: Invoice 2026-11: total 1,499\.00 EUR$/m);
    assert.match(lines.stdout, /blazeface finds in face\.png: 1 face$/m);
    assert.match(lines.stdout, /score 0\.9\d\n(?:.*\n){3,9}.*_{15,}.*\n(?:.*\n){1,4}.*O.*\n/);
  });

  it("prints short lines that work when they are pasted", async () => {
    const [curl, grpc, webSocket, rollback, index, metrics, feed, ...life] = lines.pasted;
    assert.ok(lines.pasted.every((line) => line.length < 200));
    const answers = await Promise.all([grpc, webSocket].map((line) => paste(line ?? "")));
    if (hasCurl) answers.push(`${await paste(curl ?? "")}\n`);
    // Each prediction has an id of its own.
    const same = answers.map((answer) => answer.replace(/"inference_id":"[^"]+"/, ""));
    assert.equal(new Set(same).size, 1, answers.join(""));
    assert.match(answers[0] ?? "", /"model_version":"2".*"shape":\[1,1\],.*"data":\[0\.8[0-9]+\]/);
    assert.match(await paste(rollback ?? ""), /^rolled back silero-vad to version 1 /);
    if (!hasCurl) return;
    assert.match(await paste(index ?? ""), /"state":"READY"/);
    assert.match(await paste(metrics ?? ""), /protocol="websocket",code="ok"\} [0-9]+/);
    const rows = (await paste(feed ?? "")).trimEnd().split("\n");
    assert.equal(rows.length, 3);
    assert.equal(typeof JSON.parse(rows[0] ?? "").prediction, "number");
    const [runs, explained, lineage] = await Promise.all(life.map(paste));
    assert.match(runs ?? "", /late-departure@2 +finished/);
    assert.match(explained ?? "", /late-departure/);
    assert.match(lineage ?? "", /batch:/);
  });

  it("lets a model live: learns it from files, and keeps still while nothing changes", () => {
    const before = lines.stdout.slice(0, lines.stdout.indexOf("THE CHANGE"));
    assert.match(before, /Pulled 1500 rows; .*drop passenger_contact, hash tail/);
    assert.match(before, /Contract version 1 /);
    assert.match(before, /replays the trainer's answers/);
    assert.match(before, /rubber stamp/);
    assert.match(
      before,
      /First answer by HTTP: .*probability 0\.\d+, says late-departure version 1$/m,
    );
    assert.match(before, /Window 1 of version 1 .*AUC 0\.\d+ realised.*labels for \d+ %/);
    assert.doesNotMatch(before, /ALERT|QUARANTINED|DEGRADED|FAILED|REFUSED/);
  });

  it("finds the change, waits for its owner, and replaces the model under traffic", () => {
    const change = lines.stdout.slice(lines.stdout.indexOf("THE CHANGE"));
    const [accepted, released, published] = [
      "accepts kilometres",
      "Released 1500 rows",
      "Published late-departure version 2",
    ].map((text) => change.indexOf(text));
    assert.equal(change.match(/QUARANTINED 1500 rows, because distance .*'mean'/g)?.length, 3);
    assert.equal(change.match(/Released 1500 rows/g)?.length, 3);
    assert.ok(0 < Number(accepted) && Number(accepted) < Number(released));
    assert.ok(Number(released) < Number(published));
    const window = /drift was found in window (\d) after the change/.exec(change)?.[1];
    assert.ok(Number(window) <= 3, change);
    assert.match(change, /ALERT, drift in window \d+: .*distance \(mean 7\d\d.* -> 1\d\d\d/);
    assert.doesNotMatch(change.slice(0, accepted), /Training, because/);
    assert.match(change, /Training, because of drift in window/);
    assert.match(change, /Passed every gate: auc .*version 1/);
    const [, one, two] =
      /Swapped late-departure under traffic: version 1: (\d+), version 2: (\d+) answers; failed: 0$/m.exec(
        change,
      ) ?? [];
    assert.ok(Number(one) > 0 && Number(two) > 0, change);
    assert.match(change, /Window 1 of version 2 \(\d+ rows\): quiet/);
    assert.doesNotMatch(lines.stdout, /FAILED|REFUSED/);
    assert.doesNotMatch(lines.stdout, /requests answered, [1-9]\d* failed/);
  });

  it("sums up the fourteen components", () => {
    const [, table = ""] = /What each component did:\n((?: {2}.*\n)+)/.exec(lines.stdout) ?? [];
    assert.equal(table.trimEnd().split("\n").length, 14);
    assert.match(table, /3 batches quarantined, 3 released/);
    assert.match(table, /2 versions published/);
    assert.match(table, /\(0 failed\)/);
    assert.match(table, /[1-9]\d* rows read from the feed/);
  });

  it("ends with Ctrl-C, exit code 0 and nothing left", async () => {
    started.demo?.stop("SIGINT");
    const end = await started.demo?.ended;
    assert.equal(end?.exitCode, 0);
    assert.match(end?.stdout ?? "", /Serving until Ctrl-C\.\nstopped\n$/);
    assert.equal(end?.stderr, "");
    assert.deepEqual(processesWith(started.home), []);
  });

  it("works again in the same home: first answer within 10 s, and the next day", async () => {
    const demo = start(started.home);
    const { input } = await demo.whenSaid(/2001-01-27: 1000 of its flights/);
    assert.match(input, /First answer by HTTP: .* km, .*version 2$/m);
    assert.doesNotMatch(input, /THE CHANGE|arrive as files|accepts/);
    assert.match(input, /the repository has silero-vad, champion version 1$/m);
    assert.match(input, /swapped: version 1: [0-9]+, version 3: [0-9]+ answers/);
    assert.ok(Number(FIRST_ANSWER.exec(input)?.[1]) < 10, input);
    demo.stop("SIGTERM");
    assert.equal((await demo.ended).exitCode, 0);
  });
});

describe("npm start, interrupted", () => {
  const moments = {
    starting: /starting the server/,
    "just up": /server up/,
    swapping: /publishing/,
    training: /Training, because/,
  };
  for (const [moment, pattern] of Object.entries(moments)) {
    it(`while ${moment}: exit code 0, no complaint, no server left`, async () => {
      const home = join(folder, `interrupted ${moment}`);
      const demo = start(home);
      await demo.whenSaid(pattern);
      demo.stop("SIGINT");
      const { exitCode, stdout, stderr } = await demo.ended;
      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
      assert.match(stdout, /\nstopped\n$/);
      assert.deepEqual(processesWith(home), []);
    });
  }
});

describe("npm start, when it cannot", () => {
  it("says in one line that a port is taken, and which settings choose others", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const demo = start(join(folder, "taken"), { SLUICE_HTTP_PORT: String(port) });
    const { exitCode, stderr } = await demo.ended;
    holder.close();
    assert.equal(exitCode, 1);
    assert.equal(
      stderr,
      `sluice: cannot listen on 127.0.0.1:${port}: another process listens there; ${OTHER_PORTS}\n`,
    );
  });

  it("says in one line that the server asks for keys, and leaves no server behind", async () => {
    const home = join(folder, "keys");
    const made = spawnSync(process.execPath, [
      MAIN,
      "keys",
      "create",
      "--name",
      "me",
      "--home",
      home,
    ]);
    assert.equal(made.status, 0, made.stderr.toString());
    const { exitCode, stderr } = await start(home).ended;
    assert.equal(exitCode, 1);
    assert.equal(
      stderr,
      "sluice: the server asks for API keys and the demo has none; choose another home (SLUICE_HOME)\n",
    );
    assert.deepEqual(processesWith(home), []);
  });

  const canFind = { skip: processesWith("node").length > 0 ? false : "needs /proc (Linux)" };
  it("leaves nothing running when it is killed", canFind, async () => {
    const home = join(folder, "killed");
    const demo = start(home);
    await demo.whenSaid(/server up/);
    assert.ok(processesWith(home).length > 0);
    demo.stop("SIGKILL");
    for (let waitedMs = 0; processesWith(home).length > 0; waitedMs += 100) {
      assert.ok(waitedMs < 30_000, "they live on");
      await delay(100);
    }
  });

  it("says in one line that the server died", canFind, async () => {
    const home = join(folder, "died");
    const demo = start(home);
    await demo.whenSaid(/server up/);
    // The demo itself has the home in its environment only.
    for (const pid of processesWith(home)) process.kill(pid, "SIGKILL");
    const { exitCode, stderr } = await demo.ended;
    assert.equal(exitCode, 1);
    assert.equal(stderr, "sluice: the server ended (SIGKILL)\n");
  });
});
