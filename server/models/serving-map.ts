import type { ModelRef } from "../../protocols/core/infer.ts";
import { DEFAULT_ALIAS, isVersion } from "../../protocols/core/names.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { LeaseCounter } from "./lease.ts";
import type { VersionState } from "./lifecycle.ts";

/** What the outside may know of one version. */
export interface VersionStatus {
  readonly version: number;
  readonly state: VersionState;
  /** Why it failed; null otherwise. Holds no paths and no secrets. */
  readonly reason: string | null;
}

/** A version that a request makes load. */
export interface OnRequest {
  readonly version: number;
  /** null: it has not been vetted. */
  readonly signature: Signature | null;
}

export interface ServingModel {
  readonly name: string;
  /** Aliases that lead to a version that serves. */
  readonly aliases: ReadonlyMap<string, number>;
  /** Aliases that are known and lead to no version that serves yet. */
  readonly pendingAliases: ReadonlySet<string>;
  /** Aliases and numbers that lead to a version that a request makes load. */
  readonly onRequest: ReadonlyMap<string, OnRequest>;
  /** Versions that serve, ascending. */
  readonly versions: ReadonlyMap<number, LeaseCounter>;
  /** Every version the server knows of, ascending. */
  readonly statuses: readonly VersionStatus[];
}

/** What one thread serves. Immutable; a publication replaces it whole. */
export class ServingMap {
  readonly generation: number;
  readonly models: ReadonlyMap<string, ServingModel>;

  constructor(generation: number, models: ReadonlyMap<string, ServingModel>) {
    this.generation = generation;
    this.models = models;
  }

  static readonly EMPTY = new ServingMap(0, new Map());

  /** @throws InferError `model-not-found`. */
  model(name: string): ServingModel {
    const model = this.models.get(name);
    if (model === undefined) {
      throw new InferError("model-not-found", `no model is named '${name.slice(0, 128)}'`);
    }
    return model;
  }

  /** As `resolve`, but null where that explains. */
  find(ref: ModelRef): LeaseCounter | null {
    const model = this.models.get(ref.name);
    return model === undefined ? null : findCounter(model, ref.version);
  }

  /** The version that a reference would reach, had it been loaded; null: none that loads on request. */
  findOnRequest(ref: ModelRef): OnRequest | null {
    const onRequest = this.models.get(ref.name)?.onRequest;
    if (onRequest === undefined || onRequest.size === 0) return null;
    return onRequest.get(ref.version ?? DEFAULT_ALIAS) ?? null;
  }

  /**
   * The servable that a reference means now; a version may be a number or an alias.
   * @throws InferError `model-not-found`, `version-not-found`, `model-not-ready`.
   */
  resolve(ref: ModelRef): LeaseCounter {
    const model = this.model(ref.name);
    const counter = findCounter(model, ref.version);
    if (counter !== null) return counter;
    throw explainMissing(model, ref.version);
  }
}

function findCounter(model: ServingModel, asked: string | null): LeaseCounter | null {
  if (asked !== null && isVersion(asked)) return model.versions.get(Number(asked)) ?? null;
  const version = model.aliases.get(asked ?? DEFAULT_ALIAS);
  return version === undefined ? null : (model.versions.get(version) ?? null);
}

function explainMissing(model: ServingModel, asked: string | null): InferError {
  const serving = [...model.versions.keys()].join(", ") || "none";
  if (asked === null) {
    const states = model.statuses.map(tellStatus).join(", ") || "no version";
    return new InferError(
      "model-not-ready",
      `model '${model.name}' has no version ready (${states})`,
      {
        retryAfterMs: 1000,
      },
    );
  }
  if (model.pendingAliases.has(asked)) {
    return new InferError(
      "model-not-ready",
      `model '${model.name}' alias '${asked}' leads to no version that is ready yet`,
      { retryAfterMs: 1000 },
    );
  }
  const status = model.statuses.find((s) => String(s.version) === asked);
  if (status !== undefined && (status.state !== "unloaded" || model.onRequest.has(asked))) {
    return new InferError(
      "model-not-ready",
      `model '${model.name}' version ${status.version} is ${status.state}, not ready${status.reason === null ? "" : ` (${status.reason})`}`,
      { retryAfterMs: 1000 },
    );
  }
  return new InferError(
    "version-not-found",
    `model '${model.name}' has no version or alias '${asked.slice(0, 128)}'; serving: ${serving}`,
  );
}

function tellStatus({ version, state, reason }: VersionStatus): string {
  return reason === null ? `${version} ${state}` : `${version} ${state}: ${reason}`;
}
