import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Flags, loadConfig } from "../config/load.ts";
import { upChildren } from "./up-children.ts";

describe("the processes of sluice up", () => {
  let cwd = "";
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), "sluice-up-"));
  });
  after(() => rmSync(cwd, { recursive: true }));
  const argsOf = (flags: Flags) => {
    const inputs = { flags, env: {}, file: null, cwd };
    return upChildren(inputs, loadConfig(inputs).config).map(({ command }) => command.slice(2));
  };

  it("share a capture folder in the home", () => {
    const folder = `--capture-folder=${join(cwd, ".sluice", "capture")}`;
    assert.deepEqual(argsOf({}), [
      ["serve", folder],
      ["pipelines", folder],
    ]);
  });

  it("are given the same flags, and leave a capture that is set alone", () => {
    const [serve, pipelines] = argsOf({
      httpPort: "0",
      insecure: true,
      captureFolder: "seen",
      trainerCommands: ["a=x", "b=y"],
    });
    assert.deepEqual(serve?.slice(1).sort(), pipelines?.slice(1).sort());
    assert.deepEqual(serve?.slice(1).sort(), [
      "--capture-folder=seen",
      "--http-port=0",
      "--insecure",
      "--trainer-commands=a=x",
      "--trainer-commands=b=y",
    ]);
  });
});
