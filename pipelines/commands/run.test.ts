import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { stringify } from "yaml";
import { ClaimError, takeClaim } from "../loop/claim.ts";
import { FEED, MODEL, makeSnapshot } from "../loop/testing/make-snapshot.ts";
import { openStoreHome, type StoreHome } from "../loop/testing/store-kit.ts";
import { ask, readAsks } from "../store/asks.ts";
import { runCommand } from "./run.ts";

describe("sluice run", () => {
  let at: StoreHome;
  let out = "";
  beforeEach(async () => {
    at = await openStoreHome();
    out = "";
    const project = {
      schemaVersion: 1,
      project: "shop",
      feeds: { orders: FEED },
      datasets: { orders: { time: "at" } },
      models: { delay: MODEL },
    };
    writeFileSync(join(at.home, "sluice.yaml"), stringify(project));
  });
  afterEach(() => at.close());

  const write = (text: string): void => {
    out += text;
  };
  const run = (
    subject: string | null,
    signal = new AbortController().signal,
    pause: (point: string) => Promise<void> = async () => undefined,
  ) =>
    runCommand(
      {
        ...makeSnapshot().config,
        home: at.home,
        modelRepository: join(at.home, "models"),
        captureFolder: null,
        projectFile: join(at.home, "sluice.yaml"),
      },
      { subject, signal, pause },
      { stdout: { write }, stderr: process.stderr, env: {} } as never,
    );

  it("leaves a subject to whoever works on the store, who hears of it", async () => {
    const claim = await takeClaim(at.store, Date.now);
    assert.equal(await run("delay"), 0);
    assert.match(out, /^model:delay: asked for; 'sluice pipelines' takes it up/);
    assert.equal(await run("feed:orders"), 0);
    assert.deepEqual([...(await readAsks(at.store)).keys()].sort(), ["feed:orders", "model:delay"]);
    await assert.rejects(run(null), ClaimError);
    await claim.release();
  });

  it("leaves what another asks for while it works to the next one", async () => {
    const stop = new AbortController();
    await run("feed:orders", stop.signal, async (point) => {
      if (point !== "started" || stop.signal.aborted) return;
      // As `sluice run feed:orders` beside it does.
      await ask(at.store, "feed:orders", Date.now());
      stop.abort();
    });
    assert.ok(stop.signal.aborted);
    assert.deepEqual([...(await readAsks(at.store)).keys()], ["feed:orders"]);
  });

  it("says why it trains nothing, and leaves nothing for later", async () => {
    await run("delay");
    assert.match(out, /withheld model:delay: asked for, but dataset 'orders' has 0 rows/);
    assert.equal((await readAsks(at.store)).size, 0);
  });
});
