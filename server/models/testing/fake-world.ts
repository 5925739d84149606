import type { Signature } from "../../../protocols/core/signature.ts";
import { createDeferred } from "../../lib/deferred.ts";
import type { Gate } from "../../lib/gate.ts";
import type { LoadedVersion, Loader, LoadOptions, Vetter } from "../loader.ts";
import { Manager } from "../manager.ts";
import { MemoryRoom } from "../memory-room.ts";
import type { Publication, Publisher } from "../publication.ts";
import type { Source, WantedModel, WantedSet } from "../source.ts";
import { StateBus, type StateEvent } from "../state-bus.ts";
import type { SwapPolicy } from "../swap-policy.ts";
import { VersionBringer } from "../version-bringer.ts";
import { ALIASES_ONLY, type VersionPolicy } from "../version-policy.ts";
import type { LoadedServable } from "../version-record.ts";

/** A manager among fakes that a test steps by hand; no clocks, disks, threads. */
export class FakeWorld {
  readonly bus = new StateBus();
  readonly events: string[] = [];
  readonly manager: Manager<string>;
  readonly publications: Publication<string>[] = [];
  readonly loadedKeys = new Set<string>();
  /** Versions ("m/1") whose fetch, vet or load fails, and why. */
  readonly fetchFailures = new Map<string, Error>();
  readonly vetFailures = new Map<string, Error>();
  readonly loadFailures = new Map<string, Error>();
  readonly signatures = new Map<string, Signature>();
  /** A load of this version waits at its gate. */
  readonly loadGates = new Map<string, { readonly entered: Gate; readonly proceed: Gate }>();
  /** An unload of this version waits at its gate. */
  readonly unloadGates = new Map<string, Gate>();
  /** Servables that threads still hold ("m/1"). */
  readonly leased = new Set<string>();
  readonly #releaseWaiters: (() => void)[] = [];
  nowMs = 0;
  versionPolicy: VersionPolicy = ALIASES_ONLY;
  swapPolicy: SwapPolicy = "availability";
  /** Memory of versions ("m/1"); others take 1. */
  readonly costs = new Map<string, number>();
  readonly pinned = new Set<string>();
  /** Of versions ("m/1"). */
  readonly lastUsedMs = new Map<string, number>();
  readonly #slotNames = new Map<number, string>();
  readonly #closedKeys = new Set<string>();
  #slots = 0;

  constructor(
    explicit: Set<string> | null = null,
    {
      maxModelBytes = 0,
      source = null,
    }: { readonly maxModelBytes?: number; readonly source?: Source | null } = {},
  ) {
    this.bus.subscribe((event) => this.events.push(tellEvent(event)));
    this.manager = new Manager<string>({
      bringer: new VersionBringer<string>({
        source: source ?? this.#source(),
        vetter: this.#vetter(),
        loader: this.#loader(),
        slots: { take: () => ++this.#slots, free: () => undefined },
        weightBytesOf: async ({ directory }) => this.costs.get(directory) ?? 1,
        maxQueue: 10,
        maxBatchRows: 8,
        onFailure: () => undefined,
        pause: () => Promise.resolve(),
      }),
      publisher: this.#publisher(),
      bus: this.bus,
      nowMs: () => this.nowMs,
      onFault: (thrown) => {
        throw thrown;
      },
      explicit,
      versionPolicy: () => this.versionPolicy,
      swapPolicy: () => this.swapPolicy,
      wake: () => undefined,
      readiness: { policy: "all", models: [] },
      room: new MemoryRoom<string>({
        maxModelBytes: maxModelBytes,
        isPinned: (model) => this.pinned.has(model),
        usage: {
          inFlight: (slot) => (this.leased.has(this.#slotNames.get(slot) ?? "") ? 1 : 0),
          lastUsedMs: (slot) => this.lastUsedMs.get(this.#slotNames.get(slot) ?? "") ?? 0,
        },
        nowMs: () => this.nowMs,
        minResidentMs: 100,
      }),
    });
  }

  /** Steps the manager until it has nothing to do; an unload that ends is looked at once more. */
  async settle(): Promise<void> {
    let isBusy = true;
    while (isBusy) {
      const before = this.events.length;
      const didStep = await this.manager.reconcileOnce(new AbortController().signal);
      await new Promise(setImmediate);
      isBusy = didStep || this.events.length > before;
    }
  }

  /** What the last publication serves: "m: champion=1, v1 v2". */
  serving(): string[] {
    const last = this.publications.at(-1);
    return (last?.models ?? []).map((model) => {
      const aliases = [...model.aliases].map(([alias, version]) => `${alias}=${version}`);
      return `${model.name}: ${aliases.join(" ") || "-"}; ${[...model.versions.keys()].map((v) => `v${v}`).join(" ") || "-"}`;
    });
  }

  release(id: string): void {
    this.leased.delete(id);
    for (const wake of this.#releaseWaiters.splice(0)) wake();
  }

  #source(): Source {
    return {
      description: "fake",
      poll: () => Promise.resolve(null),
      lastKnown: () => Promise.resolve(null),
      fetch: async (model, version, manifestSha256) => {
        const failure = this.fetchFailures.get(`${model}/${version}`);
        if (failure !== undefined) throw failure;
        return { directory: `${model}/${version}`, manifestSha256, hints: null };
      },
      watch: () => () => undefined,
    };
  }

  #vetter(): Vetter {
    return {
      vet: async ({ directory }) => {
        const failure = this.vetFailures.get(directory);
        if (failure !== undefined) throw failure;
        return {
          signature: this.signatures.get(directory) ?? { inputs: [], outputs: [] },
          isBatchable: false,
          sampleMs: 1,
          goldenCount: 0,
          peakRssBytes: 0,
          loadedBytes: 0,
        };
      },
    };
  }

  #loader(): Loader<string> {
    return {
      name: "fake",
      costBytes: (weightBytes) => weightBytes,
      load: (options) => this.#load(options),
    };
  }

  async #load({ key, id }: LoadOptions): Promise<LoadedVersion<string>> {
    const name = `${id.model}/${id.version}`;
    const gates = this.loadGates.get(name);
    gates?.entered.open();
    await gates?.proceed.passed;
    const failure = this.loadFailures.get(name);
    if (failure !== undefined) throw failure;
    this.loadedKeys.add(key);
    this.#slotNames.set(this.#slots, name);
    return {
      batches: () => 0,
      connect: () => ({ channel: key, transferList: [] }),
      unload: async () => {
        if (this.#closedKeys.has(key)) throw new Error(`${key} was unloaded before`);
        this.#closedKeys.add(key);
        await this.unloadGates.get(name)?.passed;
        this.loadedKeys.delete(key);
      },
    };
  }

  #publisher(): Publisher<string> {
    return {
      publish: async (publication) => {
        this.publications.push(publication);
      },
      abandon: ({ info }) => this.release(`${info.id.model}/${info.id.version}`),
      whenReleased: async ({ info }: LoadedServable<string>) => {
        while (this.leased.has(`${info.id.model}/${info.id.version}`)) {
          const woken = createDeferred<void>();
          this.#releaseWaiters.push(() => woken.resolve());
          await woken.promise;
        }
      },
    };
  }
}

function tellEvent({ id, to, reason }: StateEvent): string {
  return `${id.model}/${id.version} ${to}${reason === null ? "" : `: ${reason}`}`;
}

/** A reading of the repository: `wanted(1, {m: {champion: 2, previous: 1}})`. */
export function wanted(
  generation: number,
  models: Readonly<Record<string, Readonly<Record<string, number>>>>,
  removed: readonly string[] = [],
  /** Versions beside those with an alias. */
  further: Readonly<Record<string, readonly number[]>> = {},
): WantedSet {
  const all = Object.entries(models).map(([name, aliases]): [string, WantedModel] => [
    name,
    {
      name,
      versions: new Map(
        [...Object.values(aliases), ...(further[name] ?? [])].map((v) => [v, `sha-${name}-${v}`]),
      ),
      aliases: new Map(Object.entries(aliases)),
      versionPolicy: null,
    },
  ]);
  return { generation, models: new Map(all), removed: new Set(removed) };
}
