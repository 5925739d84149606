import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedCores, dividePinning, NOT_PINNED, parseCores } from "./pinning.ts";
import { withPinning } from "./with-pinning.ts";

test("the generator gets a core a thread from the end, and never more than half", () => {
  assert.deepEqual(dividePinning([0, 1], 1), { server: "0", generator: "1" });
  assert.deepEqual(dividePinning([0, 2, 4, 5], 1), { server: "0,2,4", generator: "5" });
  assert.deepEqual(dividePinning([0, 1, 2, 3], 9), { server: "0,1", generator: "2,3" });
  assert.deepEqual(dividePinning([3], 1), NOT_PINNED);
});

test("the kernel's list of cores is read with its ranges", () => {
  assert.deepEqual(parseCores("0,2-4,8"), [0, 2, 3, 4, 8]);
  assert.deepEqual(parseCores(""), []);
});

test("this process runs on the generator's cores meanwhile, and where it did before afterwards", async () => {
  const before = allowedCores();
  await withPinning(true, 1, async ({ pinning, reason }) => {
    if (reason !== null) return assert.deepEqual(pinning, NOT_PINNED);
    assert.deepEqual(allowedCores(), parseCores(pinning.generator ?? ""));
    assert.notDeepEqual(allowedCores(), before);
  });
  assert.deepEqual(allowedCores(), before);
  await withPinning(false, 1, async ({ pinning, reason }) => {
    assert.deepEqual([pinning, reason], [NOT_PINNED, "--no-pin"]);
  });
});
