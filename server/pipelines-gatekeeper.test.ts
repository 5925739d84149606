import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createKeyCommand, revokeKeyCommand } from "./commands/keys.ts";
import { type ConfigInputs, loadPipelinesConfig } from "./config/load.ts";
import { openPipelinesAccess, type PipelinesAccess } from "./pipelines-gatekeeper.ts";

describe("who may use the project API", () => {
  let home = "";
  let inputs: ConfigInputs;
  before(() => {
    home = mkdtempSync(join(tmpdir(), "sluice-gate-"));
    inputs = { flags: { home, logLevel: "silent" }, env: {}, file: null, cwd: home };
  });
  // A test that failed would leave its watcher, which keeps the process.
  let opened: PipelinesAccess | null = null;
  const open = async (): Promise<PipelinesAccess> => {
    opened = await openPipelinesAccess(loadPipelinesConfig(inputs));
    return opened;
  };
  afterEach(() => opened?.close());
  after(() => rmSync(home, { recursive: true }));

  async function makeKey(role: string, models = "*"): Promise<string> {
    let said = "";
    const sink = {
      write(text: string) {
        said += text;
      },
    };
    const io = { stdout: sink, stderr: sink, env: {}, cwd: home };
    await createKeyCommand(
      { name: role, role, models, expiresDays: undefined, rate: undefined, burst: undefined },
      inputs,
      io,
    );
    return /slc_\S+/.exec(said)?.[0] ?? "";
  }

  it("is everybody on this machine where there are no keys", async () => {
    const access = await open();
    const anyone = access.gatekeeper.authenticate({ authorization: null });
    assert.ok(anyone !== null);
    assert.equal(access.gatekeeper.isOpen, true);
    assert.equal(access.gatekeeper.authorise(anyone, "admin"), true);
  });

  it("is who holds a key of the home, by its role; refusals are audited", async () => {
    const [reader, admin, some] = [
      await makeKey("read"),
      await makeKey("admin"),
      await makeKey("admin", "fraud-*"),
    ];
    const { gatekeeper, close } = await open();
    const enter = (key: string) => gatekeeper.authenticate({ authorization: `Bearer ${key}` });
    assert.equal(gatekeeper.isOpen, false);
    assert.equal(gatekeeper.authenticate({ authorization: null }), null);
    assert.equal(enter("slc_none_none"), null);
    const may = (key: string, action: "read" | "admin") => {
      const principal = enter(key);
      assert.ok(principal !== null);
      return gatekeeper.authorise(principal, action);
    };
    assert.equal(may(reader, "read"), true);
    assert.equal(may(reader, "admin"), false);
    assert.equal(may(admin, "admin"), true);
    assert.equal(may(some, "admin"), false, "a key of some models steers no project");
    assert.equal(gatekeeper.authorise({ id: "admin" }, "read"), false, "never authenticated");
    await close();
    assert.match(readFileSync(join(home, "audit.jsonl"), "utf8"), /"action":"access\.denied"/);
  });

  it("is nobody whose key was revoked meanwhile", { timeout: 30_000 }, async () => {
    const key = await makeKey("admin");
    const { gatekeeper } = await open();
    const principal = gatekeeper.authenticate({ authorization: `Bearer ${key}` });
    assert.ok(principal !== null);
    const silent = { write: () => undefined };
    const io = { stdout: silent, stderr: silent, env: {}, cwd: home };
    await revokeKeyCommand(principal.id, inputs, io);
    while (gatekeeper.authorise(principal, "read")) await delay(10);
    assert.equal(gatekeeper.authenticate({ authorization: `Bearer ${key}` }), null);
  });
});
