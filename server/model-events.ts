import type { AuditEntry } from "./access/audit-record.ts";
import type { Logger } from "./lib/log.ts";
import type { VersionState } from "./models/lifecycle.ts";
import { MADE_ROOM } from "./models/memory-room.ts";
import type { StateEvent } from "./models/state-bus.ts";
import type { ControlMetrics } from "./observe/metrics/control-metrics.ts";
import { LoadTimer } from "./observe/metrics/load-metrics.ts";

export interface ModelEventsParts {
  readonly log: Logger;
  readonly recordAudit: (entry: AuditEntry) => void;
  /** Asked at each event: the metrics are built after the models' room, from what is in it. */
  readonly metrics: () => ControlMetrics;
}

/** A version that is back so soon after it was unloaded to make room shows that the room is too small. */
const THRASH_MS = 60_000;

/** What the steps of versions do to log, metrics and audit. */
export class ModelEvents {
  readonly #parts: ModelEventsParts;
  readonly #loads: LoadTimer;
  /** Why each failed version failed last, so that each reason is audited once. */
  readonly #auditedFailures = new Map<string, string | null>();
  /** When each version was unloaded to make room, and how often that was told. */
  readonly #evictedMs = new Map<string, number>();
  #lastThrashMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ModelEventsParts) {
    this.#parts = parts;
    this.#loads = new LoadTimer((phase, seconds) =>
      parts.metrics().loadSeconds.observe({ phase }, seconds),
    );
  }

  take(event: StateEvent): void {
    const { metrics, log, recordAudit } = this.#parts;
    const { id, from, to, reason } = event;
    const version = `${id.model}/${id.version}`;
    metrics().transitions.inc({ to });
    this.#loads.take(event);
    const line = { model: id.model, version: id.version, from, to, reason };
    if (to === "failed") log.error(line, "version failed");
    else log.info(line, "version state");
    this.#watchRoom(version, event);
    if (!this.#isAudited(version, to, reason)) return;
    recordAudit({
      actor: "sluice",
      action: `version.${to}`,
      target: version,
      outcome: to === "failed" ? "failed" : "ok",
      details: { reason },
    });
  }

  #watchRoom(version: string, { to, reason, atMs }: StateEvent): void {
    const { metrics, log } = this.#parts;
    if (to === "draining" && reason === MADE_ROOM) {
      metrics().evictions.inc();
      this.#evictedMs.set(version, atMs);
      return;
    }
    if (to !== "ready") return;
    const evictedMs = this.#evictedMs.get(version);
    this.#evictedMs.delete(version);
    if (evictedMs === undefined || atMs - evictedMs > THRASH_MS) return;
    metrics().thrashed.inc();
    if (atMs - this.#lastThrashMs < THRASH_MS) return;
    this.#lastThrashMs = atMs;
    log.warn(
      { version, evictedMsAgo: atMs - evictedMs },
      "models take turns in memory: maxModelBytes is too small for what is asked",
    );
  }

  /** Retries of a failed version go on for ever; only a new reason is a new fact. */
  #isAudited(version: string, to: VersionState, reason: string | null): boolean {
    if (to === "failed") {
      if (this.#auditedFailures.get(version) === reason) return false;
      this.#auditedFailures.set(version, reason);
      return true;
    }
    if (to === "ready") this.#auditedFailures.delete(version);
    return to === "ready" || to === "unloaded";
  }
}
