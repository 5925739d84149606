import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePeers } from "./choose-peers.ts";
import type { PeerStatus } from "./peer.ts";

function statusOf(name: string, reason: string | null): PeerStatus {
  return { name, what: name, protocols: [], reason };
}

const KNOWN = [statusOf("a", null), statusOf("b", "no package"), statusOf("c", null)];

test("of all peers those that can be started are; each other one has its reason", () => {
  const absent = [{ name: "b", reason: "no package" }];
  assert.deepEqual(choosePeers(KNOWN, ["all"]), { startable: ["a", "c"], absent });
  assert.deepEqual(choosePeers(KNOWN, ["c", "b"]), { startable: ["c"], absent });
  assert.deepEqual(choosePeers(KNOWN, []), { startable: [], absent: [] });
});

test("a name that is not known is named", () => {
  assert.throws(() => choosePeers(KNOWN, ["a", "x"]), /no peer 'x'; there are a, b, c/);
});
