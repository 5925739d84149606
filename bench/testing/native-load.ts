import assert from "node:assert/strict";
import type { LoadPlan } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import { runLoad } from "../run-load.ts";
import { type Meddle, startFakeServer } from "./fake-oip-server.ts";
import { loadPlanOf } from "./load-plan-of.ts";
import { type Respond, startRawServer } from "./raw-server.ts";

type Changes = Parameters<typeof loadPlanOf>[1];

/** One load by one native generator. */
export function runNative(url: string, changes: Changes): Promise<LoadResult> {
  const plan: LoadPlan = loadPlanOf(url, { generator: "native", ...changes });
  return runLoad("native", plan, 1, () => undefined);
}

export async function againstFake(meddle: Meddle, changes: Changes): Promise<LoadResult> {
  const server = await startFakeServer(meddle);
  try {
    return await runNative(server.url, changes);
  } finally {
    await server.close();
  }
}

export async function againstRaw(respond: Respond, changes: Changes = {}): Promise<LoadResult> {
  const server = await startRawServer(respond);
  try {
    return await runNative(server.url, changes);
  } finally {
    await server.close();
  }
}

export function assertFaultless(result: LoadResult): void {
  assert.deepEqual([result.errors, result.firstError, result.unsent], [{}, null, 0]);
  assert.ok(result.requests > 0);
}
