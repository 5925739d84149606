import { pino } from "pino";
import type { LabelRecord } from "../../../protocols/capture/capture-record.ts";
import { DEFAULT_LIMITS } from "../../../protocols/core/limits.ts";
import { InferError } from "../../../protocols/core/status.ts";
import type { Gatekeeper } from "../../access/gatekeeper.ts";
import { type Action, type Principal, ROLES, type Role } from "../../access/principal.ts";
import type { LogLevel } from "../../lib/log.ts";
import { ByteBudget } from "../../request/byte-budget.ts";
import { Pipeline } from "../../request/pipeline.ts";
import type { VersionStatistics } from "../../request/version-statistics.ts";
import { CONNECTION_CELL_BYTES, ConnectionLimit } from "../connection-limit.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { ServingContext } from "../serving-context.ts";
import { createFakeModels, type FakeModels } from "./fake-models.ts";

/** Key -> role and models. */
export const KEYS: Readonly<Record<string, { role: Role; models: readonly string[] }>> = {
  "read-key": { role: "read", models: ["*"] },
  "infer-key": { role: "infer", models: ["*"] },
  "admin-key": { role: "admin", models: ["*"] },
  "double-key": { role: "admin", models: ["double"] },
};

export const TEST_OPTIONS: HttpOptions = {
  host: "127.0.0.1",
  port: 0,
  maxBodyBytes: 1024 * 1024,
  bodyTimeoutMs: 10_000,
  tls: null,
  corsOrigins: [],
  allowedHosts: "loopback",
  maxStreamInflight: 8,
  compressFromBytes: 4096,
  jsonNonFinite: "reject",
  maxStreamEgressBytes: 256 * 1024,
};

export interface FakeContext extends ServingContext {
  readonly models: FakeModels;
  /** Lines written by the logger. */
  readonly logged: string[];
  /** Keys that stopped working. */
  readonly revoked: Set<string>;
  /** `load double by admin-key`, … */
  readonly steered: string[];
  /** Labels that were told, in order. */
  readonly labels: LabelRecord[];
  /** How each request ended, in order. */
  readonly outcomes: string[];
  isReadyNow: boolean;
  isDrainingNow: boolean;
}

/** @param maxInflightBytes the byte budget */
export function createFakeContext(
  needsKey = false,
  maxInflightBytes = 64 * 1024 * 1024,
  maxConnections = 1000,
): FakeContext {
  const models = createFakeModels();
  const logged: string[] = [];
  const outcomes: string[] = [];
  const steered: string[] = [];
  const labels: LabelRecord[] = [];
  const revoked = new Set<string>();
  let running = 0;
  const pipeline = new Pipeline({
    serving: () => models.map,
    gauge: {
      enter: () => {
        running += 1;
        return running;
      },
      leave: () => {
        running -= 1;
      },
      read: () => running,
    },
    bytes: new ByteBudget(new SharedArrayBuffer(8), maxInflightBytes),
    recorder: {
      record: (_slot, _protocol, { errorCode }) => void outcomes.push(errorCode ?? "ok"),
    },
    limits: DEFAULT_LIMITS,
    capture: null,
    coldLoads: null,
    quotas: null,
  });
  const context: FakeContext = {
    pipeline,
    models,
    connections: new ConnectionLimit(new SharedArrayBuffer(CONNECTION_CELL_BYTES), maxConnections),
    logged,
    outcomes,
    steered,
    labels,
    revoked,
    isReadyNow: true,
    isDrainingNow: false,
    gatekeeper: needsKey ? keyGatekeeper(revoked) : openGatekeeper,
    log: pino({ level: "error" }, { write: (line: string) => logged.push(line) }),
    isReady: () => context.isReadyNow,
    isDraining: () => context.isDrainingNow,
    async steer(action, model, principal) {
      if (model === "unknown") throw new InferError("model-not-found", "no such model");
      steered.push(`${action} ${model} by ${principal.id}`);
    },
    async statistics() {
      return [...models.map.models.values()].flatMap(({ versions }) =>
        [...versions.values()].map(({ servable }) => statisticsOf(servable.info.id)),
      );
    },
    logLevel: () => context.log.level as LogLevel,
    async setLogLevel(level) {
      context.log.level = level;
    },
    async storeLabels(records) {
      labels.push(...records);
    },
  };
  return context;
}

function statisticsOf(id: VersionStatistics["id"]): VersionStatistics {
  const none = { count: 0, totalMs: 0 };
  const durations = { success: none, fail: none, queue: none, compute: none };
  return { id, lastEpochMs: 0, rows: 0, executions: 0, ...durations, batches: [] };
}

const openGatekeeper: Gatekeeper = {
  authenticate: () => ({ id: "anonymous", name: null, role: "admin", models: ["*"] }),
  authorise: () => undefined,
};

const keyGatekeeper = (revoked: ReadonlySet<string>): Gatekeeper => ({
  authenticate(credential) {
    const isLost = credential === null || revoked.has(credential);
    const key = isLost ? undefined : KEYS[credential];
    if (key === undefined) throw new InferError("unauthenticated", "a known key is needed");
    return { id: credential ?? "", name: null, ...key };
  },
  authorise(principal: Principal, action: Action, model: string | null) {
    const needed = action === "probe" ? 0 : ROLES.indexOf(action);
    const isModelAllowed =
      model === null || principal.models.includes("*") || principal.models.includes(model);
    if (ROLES.indexOf(principal.role) >= needed && isModelAllowed) return;
    throw new InferError("permission-denied", `${principal.id} may not ${action} ${model ?? ""}`);
  },
});
