/**
 * The life of one version on this server. Drawn, with the exit of every state, in
 * deploy/docs/lifecycle.md. An illegal step is a bug and throws.
 */
export const VERSION_STATES = [
  "absent",
  "downloading",
  "verified",
  "vetting",
  "loading",
  "warming",
  "ready",
  "draining",
  "unloaded",
  "failed",
] as const;

export type VersionState = (typeof VERSION_STATES)[number];

/** Where each state leads to; every state may fail besides. */
export const NEXT_STATES: Readonly<Record<VersionState, readonly VersionState[]>> = {
  absent: ["downloading"],
  downloading: ["verified"],
  verified: ["vetting"],
  // To unloaded: there is no room for it in memory now.
  vetting: ["loading", "unloaded"],
  loading: ["warming"],
  warming: ["ready"],
  ready: ["draining"],
  draining: ["unloaded"],
  unloaded: ["downloading"],
  failed: ["downloading", "unloaded"],
};

/** @throws Error when the lifecycle has no such step; every state may fail. */
export function assertTransition(from: VersionState, to: VersionState): void {
  if (to === "failed" || NEXT_STATES[from].includes(to)) return;
  throw new Error(`illegal lifecycle step ${from} -> ${to}`);
}
