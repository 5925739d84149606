import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ClaimError, takeClaim } from "./claim.ts";
import { openStoreHome, type StoreHome } from "./testing/store-kit.ts";

const TTL_MS = 30_000;

describe("the coordinator's claim", () => {
  let at: StoreHome;
  let nowMs = 1_000_000;
  const clock = () => nowMs;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  async function hold(holder: string): Promise<void> {
    const row = { name: "coordinator", holder, until_ms: nowMs + TTL_MS };
    await at.store.insertInto("claims").values(row).execute();
  }

  it("is one's alone until it is given back", async () => {
    const claim = await takeClaim(at.store, clock);
    await assert.rejects(takeClaim(at.store, clock), (error: Error) => {
      assert.ok(error instanceof ClaimError);
      assert.match(error.message, /works on this store already; stop it/);
      return error.message.includes(claim.holder);
    });
    await claim.release();
    await (await takeClaim(at.store, clock)).release();
  });

  it("runs out, and not while it is renewed", async () => {
    const claim = await takeClaim(at.store, clock);
    nowMs += TTL_MS - 1;
    await claim.renew();
    nowMs += TTL_MS - 1;
    await assert.rejects(takeClaim(at.store, clock), ClaimError);
    nowMs += 1;
    const next = await takeClaim(at.store, clock);
    await assert.rejects(claim.renew(), /another coordinator took the store over/);
    await claim.release();
    await next.renew();
    await next.release();
  });

  it("is free at once when its process of this machine is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    await hold(`${hostname()}/${child.pid}/abc`);
    await (await takeClaim(at.store, clock)).release();
  });

  it("is free at once when an earlier process had this one's id", async () => {
    await hold(`${hostname()}/${process.pid}/abc`);
    await (await takeClaim(at.store, clock)).release();
  });

  it("of another machine has to run out", async () => {
    await hold("elsewhere/1/abc");
    await assert.rejects(takeClaim(at.store, clock), /'elsewhere\/1\/abc'/);
    nowMs += TTL_MS;
    await (await takeClaim(at.store, clock)).release();
  });
});
