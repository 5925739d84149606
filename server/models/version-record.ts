import { assertTransition, type VersionState } from "./lifecycle.ts";
import type { LoadedVersion, VetReport } from "./loader.ts";
import type { ServableId, ServableInfo } from "./servable.ts";
import type { VersionStatus } from "./serving-map.ts";
import type { StateBus } from "./state-bus.ts";

/** A version in memory: what the data path is told of it, and the engine's hold on it. */
export interface LoadedServable<Channel> {
  readonly info: ServableInfo;
  readonly loaded: LoadedVersion<Channel>;
}

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** One version's place in its lifecycle; every step is checked and published. */
export class VersionRecord<Channel> {
  readonly id: ServableId;
  readonly manifestSha256: string;
  readonly #bus: StateBus;
  #state: VersionState = "absent";
  #reason: string | null = null;
  #attempts = 0;
  #retryAtMs = 0;
  servable: LoadedServable<Channel> | null = null;
  report: VetReport | null = null;

  constructor(id: ServableId, manifestSha256: string, bus: StateBus) {
    this.id = id;
    this.manifestSha256 = manifestSha256;
    this.#bus = bus;
  }

  get state(): VersionState {
    return this.#state;
  }

  get status(): VersionStatus {
    return { version: this.id.version, state: this.#state, reason: this.#reason };
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** When a failed version may be tried again; Infinity when trying cannot help. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** Forgets that trying again was put off or ruled out. */
  retryNow(): void {
    this.#retryAtMs = 0;
  }

  isLoadable(nowMs: number): boolean {
    if (this.#state === "failed") return nowMs >= this.#retryAtMs;
    return this.#state === "absent" || this.#state === "unloaded";
  }

  /** @throws Error on a step that the lifecycle does not have */
  enter(to: VersionState, reason: string | null = null): void {
    const from = this.#state;
    assertTransition(from, to);
    this.#state = to;
    this.#reason = reason;
    if (to === "ready") this.#attempts = 0;
    this.#bus.publish({ id: this.id, from, to, reason });
  }

  /** Retries back off from 1 s to 60 s and never stop, unless the bytes themselves are at fault. */
  fail(reason: string, isFinal: boolean, nowMs: number): void {
    const delayMs = Math.min(RETRY_FIRST_MS * 2 ** this.#attempts, RETRY_MAX_MS);
    this.#attempts += 1;
    this.#retryAtMs = isFinal ? Number.POSITIVE_INFINITY : nowMs + delayMs;
    this.enter("failed", reason);
  }
}
