import { createInputPool } from "../input-pool.ts";
import type { LoadPlan } from "../load-plan.ts";
import { FAKE_MODEL } from "./fake-oip-server.ts";

/** A short closed loop of the fake model; `changes` win. */
export function loadPlanOf(
  url: string,
  {
    shape = {},
    ...changes
  }: Partial<Omit<LoadPlan, "shape">> & {
    readonly shape?: Partial<LoadPlan["shape"]>;
  },
): LoadPlan {
  const inputs = createInputPool(FAKE_MODEL, new Map());
  return {
    protocol: "http-json",
    endpoints: { url, grpc: null },
    apiKey: null,
    timeoutMs: 20_000,
    deadlineMs: null,
    model: { name: FAKE_MODEL.name, version: null },
    outputs: FAKE_MODEL.outputs,
    inputs,
    comparesValues: true,
    generator: "auto",
    connections: 2,
    shape: {
      ratePerSec: null,
      warmupMs: 0,
      durationMs: 300,
      graceMs: 20_000,
      poolSize: inputs.length,
      sliceMs: null,
      ...shape,
    },
    ...changes,
  };
}
