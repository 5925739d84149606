import type { ModelRef } from "../../protocols/core/infer.ts";
import type { TensorSignature } from "../../protocols/core/signature.ts";
import { InferError } from "../../protocols/core/status.ts";
import { reachesModel } from "../access/authorise.ts";
import type { Principal } from "../access/principal.ts";
import type { VersionState } from "../models/lifecycle.ts";
import type { ServingMap } from "../models/serving-map.ts";

/** Answers of the read-only calls, free of any wire form; the same under HTTP, gRPC and WebSocket. */

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  /** Open Inference Protocol extensions that this server speaks. */
  readonly extensions: readonly string[];
}

export const SERVER_METADATA: ServerMetadata = {
  name: "sluice",
  version: "0.1.0",
  extensions: [
    "binary_tensor_data",
    "classification",
    "logging",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "schedule_policy",
    "statistics",
  ],
};

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** @throws InferError when the reference leads nowhere. */
export function modelMetadata(serving: ServingMap, ref: ModelRef): ModelMetadata {
  const { info } = serving.resolve(ref).servable;
  return {
    name: info.id.model,
    versions: [...serving.model(ref.name).versions.keys()].map(String),
    platform: info.platform,
    inputs: info.signature.inputs,
    outputs: info.signature.outputs,
  };
}

/** @throws InferError `model-not-found` only. */
export function isModelReady(serving: ServingMap, ref: ModelRef): boolean {
  serving.model(ref.name);
  try {
    serving.resolve(ref);
    return true;
  } catch (thrown) {
    if (thrown instanceof InferError) return false;
    throw thrown;
  }
}

/** Triton's five words for a version's state. */
export type IndexState = "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE" | "UNKNOWN";

export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: IndexState;
  readonly reason: string;
}

const INDEX_STATE: Readonly<Record<VersionState, IndexState>> = {
  absent: "UNKNOWN",
  downloading: "LOADING",
  verified: "LOADING",
  vetting: "LOADING",
  loading: "LOADING",
  warming: "LOADING",
  ready: "READY",
  draining: "UNLOADING",
  unloaded: "UNAVAILABLE",
  failed: "UNAVAILABLE",
};

/** Lists the models that `principal` may read; of others not even the name. */
export function repositoryIndex(
  serving: ServingMap,
  principal: Principal,
  readyOnly: boolean,
): readonly IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (const model of serving.models.values()) {
    if (!reachesModel(principal, model.name)) continue;
    for (const status of model.statuses) {
      if (readyOnly && status.state !== "ready") continue;
      entries.push({
        name: model.name,
        version: String(status.version),
        state: INDEX_STATE[status.state],
        reason: status.reason ?? "",
      });
    }
  }
  return entries;
}
