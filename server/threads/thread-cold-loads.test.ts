import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferError, type StatusCode } from "../../protocols/core/status.ts";
import { Waiter } from "../request/waiter.ts";
import type { FromThread } from "./messages.ts";
import { ThreadColdLoads } from "./thread-cold-loads.ts";

const PLACES = 1024;

const failsWith = (call: Promise<unknown>, code: StatusCode) =>
  assert.rejects(call, (thrown) => thrown instanceof InferError && thrown.code === code);

describe("the cold loads of a thread", () => {
  it("give the place of a client that has gone to the next, before the load ends", async () => {
    const told: FromThread[] = [];
    const loads = new ThreadColdLoads((message) => told.push(message));
    const load = (waiter = new Waiter()) => loads.load("m", 1, null, waiter);
    const waiters = Array.from({ length: PLACES }, () => new Waiter());
    const calls = waiters.map((waiter) => load(waiter));
    await failsWith(load(), "model-not-ready");
    waiters[0]?.leave();
    await failsWith(calls[0] as Promise<void>, "cancelled");
    const next = load();
    await failsWith(load(), "model-not-ready");
    assert.deepEqual(told, [{ kind: "cold-load", callId: 1, model: "m", version: 1 }]);
    loads.settle(1, null);
    await Promise.all([...calls.slice(1), next]);
  });

  it("do not wait for a client that had gone before", async () => {
    const loads = new ThreadColdLoads(() => undefined);
    const waiter = new Waiter();
    waiter.leave();
    await failsWith(loads.load("m", 1, null, waiter), "cancelled");
  });
});
