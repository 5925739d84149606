import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigError } from "./config-error.ts";
import { loadPipelinesConfig } from "./load.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
});
after(() => rmSync(folder, { recursive: true }));

function homeWith(yaml: string): string {
  const home = mkdtempSync(join(folder, "home-"));
  writeFileSync(join(home, "server.yaml"), yaml);
  return home;
}

describe("the configuration of pipelines", () => {
  const read = (flags: Record<string, string>) =>
    loadPipelinesConfig({ flags, env: { SLUICE_HOME: homeWith("") }, file: null, cwd: folder });

  it("has its defaults, from the same places as serve, and is frozen", () => {
    const home = homeWith("pipelinesPort: 5050\njobConcurrency: 2\ncaptureFolder: seen\n");
    writeFileSync(join(home, "keys.json"), "{}");
    const env = { SLUICE_HOME: home, SLUICE_TRAINER_COMMANDS: "xgb=python3 train.py" };
    const config = loadPipelinesConfig({ flags: {}, env, file: null, cwd: folder });
    assert.deepEqual(config, {
      home,
      host: "127.0.0.1",
      insecure: false,
      keysFile: join(home, "keys.json"),
      modelRepository: join(home, "models"),
      redisUrl: null,
      logLevel: "info",
      captureFolder: join(home, "seen"),
      captureStream: null,
      projectFile: join(folder, "sluice.yaml"),
      pipelinesPort: 5050,
      pipelinesMetricsPort: 5002,
      trainerCommands: ["xgb=python3 train.py"],
      jobConcurrency: 2,
      jobTimeoutSecs: 3600,
    });
    assert.ok(Object.isFrozen(config));
  });

  it("minds only what matters to it", () => {
    assert.equal(read({ httpPort: "9", grpcPort: "9" }).pipelinesPort, 5000);
    const refused: [Record<string, string>, RegExp][] = [
      [{ pipelinesMetricsPort: "5000" }, /^pipelinesMetricsPort and pipelinesPort are both 5000/],
      [{ host: "0.0.0.0" }, /^host 0\.0\.0\.0 can be reached/],
      [{ keysFile: "absent.json" }, /^keysFile .*absent\.json does not exist/],
      [{ captureStream: "s" }, /^captureStream s needs redisUrl/],
      [{ trainerCommands: "python3 train.py" }, /^trainerCommands must be NAME=PROGRAM/],
      [{ trainerCommands: "a=x,a=y" }, /^trainerCommands has 'a' twice/],
      [{ jobConcurrency: "0" }, /^jobConcurrency \(from --job-concurrency\) must be an integer/],
    ];
    for (const [flags, message] of refused) {
      assert.throws(
        () => read(flags),
        (error) => error instanceof ConfigError && message.test(error.message),
      );
    }
  });
});
