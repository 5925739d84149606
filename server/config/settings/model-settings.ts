import { READINESS_POLICIES } from "../../models/readiness.ts";
import { MODEL_CONTROL_MODES } from "../config.ts";
import { DAY_MS, GIB, integer, MIB, type Rows, row, TIB } from "./row.ts";

/** Which versions are loaded, from where, and after which examination. */
export const MODEL_SETTINGS = {
  modelControlMode: row({ kind: "enum", values: MODEL_CONTROL_MODES }, "poll", {
    text: "none: read the repository once; poll: follow it; explicit: load and unload on request.",
  }),
  loadModel: row({ kind: "strings" }, [], {
    text: "Models to load at start in explicit mode; the flag may be repeated.",
  }),
  repositoryPollSecs: row({ kind: "number", min: 0.05, max: 86_400 }, 5, {
    text: "Seconds between two looks at the repository in poll mode.",
  }),
  maxCacheBytes: row(integer(0, 64 * TIB), 20 * GIB, {
    text: "Disk for fetched versions in home/cache; the longest unused go first, never what is loaded or wanted. 0: no limit.",
  }),
  versionPolicy: row({ kind: "strings" }, [], {
    defaultText: "aliases",
    text: "Versions to load beside those that aliases lead to, as GLOB=POLICY, the first match deciding; POLICY is aliases (none more), latest:N, all or specific:N+N. What a repository says itself goes before.",
  }),
  swapPolicy: row({ kind: "strings" }, [], {
    defaultText: "availability",
    text: "What happens to the old champion while a new one loads, as GLOB=POLICY, the first match deciding; availability: it serves until then; resource: it is unloaded first, and `previous` is not kept in memory.",
  }),
  maxModelBytes: row(integer(0, 64 * TIB), 0, {
    text: "Memory that loaded versions may take together; beyond it the least recently used are unloaded, and load again on request. 0: no budget.",
  }),
  pinModels: row({ kind: "strings" }, [], {
    text: "Models that are never unloaded to make room: names, prefixes such as fraud-*, or *.",
  }),
  coldLoadTimeoutMs: row(integer(1, DAY_MS), 30_000, {
    text: "Milliseconds that a request without a deadline waits for a version that loads on request.",
  }),
  readiness: row({ kind: "enum", values: READINESS_POLICIES }, "all", {
    text: "When the server reports ready; all: every wanted model serves or was refused for good, at least one serves; any: one serves; listed: those of readyModels serve.",
  }),
  readyModels: row({ kind: "strings" }, [], {
    text: "Models that must serve, with readiness listed.",
  }),
  maxRunMs: row(integer(0, DAY_MS), 300_000, {
    text: "A version that answers none of its waiting requests for so many milliseconds is isolated: taken out of service and tried again later. 0: never.",
  }),
  vetTimeoutMs: row(integer(100, DAY_MS), 60_000, {
    text: "Milliseconds that vetting one version may take.",
  }),
  vetMaxRssBytes: row(integer(64 * MIB, 64 * TIB), 2 * GIB, {
    text: "Memory that the vetting process may use.",
  }),
} satisfies Partial<Rows>;
