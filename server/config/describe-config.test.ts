import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { describeConfig } from "./describe-config.ts";
import { loadConfig } from "./load.ts";
import { envOf, flagOf } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { settingsTable } from "./settings-table.ts";

describe("the printed configuration", () => {
  it("is a server.yaml that loads to the same configuration", () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-describe-"));
    try {
      const flags = { httpPort: "1", modelControlMode: "explicit", loadModel: ["a", "b"] };
      const loaded = loadConfig({ flags, env: { SLUICE_MAX_QUEUE: "7" }, file: null, cwd: folder });
      const text = describeConfig(loaded);
      assert.match(text, /^httpPort: 1 # --http-port$/m);
      assert.match(text, /^maxQueue: 7 # SLUICE_MAX_QUEUE$/m);
      const file = join(folder, "printed.yaml");
      writeFileSync(file, text);
      const again = loadConfig({ flags: {}, env: {}, file, cwd: folder });
      assert.deepEqual(again.config, loaded.config);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("shows no secret", () => {
    const env = { REDIS_URL: "redis://u:pass-word@h", AZURE_STORAGE_KEY: "account-key" };
    const text = describeConfig(loadConfig({ flags: {}, env, file: null, cwd: tmpdir() }));
    assert.doesNotMatch(text, /pass-word|account-key$/m);
    assert.match(text, /^# redisUrl is set \(not shown\) # REDIS_URL$/m);
    assert.match(text, /Azure credentials: account-key \(not shown\)/);
  });
});

describe("the table of settings", () => {
  it("has distinct flags and variables, derived from the key", () => {
    assert.equal(new Set(SETTINGS.map(flagOf)).size, SETTINGS.length);
    assert.equal(new Set(SETTINGS.map(envOf)).size, SETTINGS.length);
    const poll = SETTINGS.find(({ key }) => key === "repositoryPollSecs");
    assert.ok(poll);
    assert.equal(flagOf(poll), "--repository-poll-secs");
    assert.equal(envOf(poll), "SLUICE_REPOSITORY_POLL_SECS");
  });

  it("is what deploy/docs/configuration.md shows", () => {
    const page = readFileSync(
      new URL("../../../deploy/docs/configuration.md", import.meta.url),
      "utf8",
    );
    assert.ok(
      page.includes(
        `<!-- generated:settings -->\n${settingsTable()}\n<!-- /generated:settings -->`,
      ),
      "put the output of settingsTable() between the markers of configuration.md",
    );
  });
});
