import { NEXT_STATES, VERSION_STATES } from "../models/lifecycle.ts";

/** States in which something is under way that may fail: drawn with their step to `failed`. */
const MAY_FAIL = ["downloading", "vetting", "loading", "warming", "ready"] as const;

/** The lifecycle as a Mermaid state diagram, step by step as the code has it. */
export function drawLifecycle(): string {
  const steps = VERSION_STATES.flatMap((from) =>
    NEXT_STATES[from].map((to) => `    ${from} --> ${to}`),
  );
  const failures = MAY_FAIL.map((from) => `    ${from} --> failed`);
  const lines = ["    [*] --> absent", ...steps, ...failures, "    unloaded --> [*]"];
  return ["```mermaid", "stateDiagram-v2", "    direction LR", ...lines, "```"].join("\n");
}
