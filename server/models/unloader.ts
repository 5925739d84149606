import type { Publisher } from "./publication.ts";
import type { VersionBringer } from "./version-bringer.ts";
import type { LoadedServable, VersionRecord } from "./version-record.ts";

export interface UnloaderParts<Channel> {
  readonly bringer: VersionBringer<Channel>;
  readonly publisher: Publisher<Channel>;
  /** Publishes the whole anew; resolves when every thread serves by it. */
  readonly publish: () => Promise<void>;
  /** Its memory is back. */
  readonly onUnloaded: (version: VersionRecord<Channel>) => void;
  /** An unload that failed; its memory may be lost. */
  readonly onFault: (thrown: unknown) => void;
}

/** Takes versions out of memory, beside whatever else is done. */
export class Unloader<Channel> {
  readonly #parts: UnloaderParts<Channel>;
  readonly #under = new Set<Promise<void>>();

  constructor(parts: UnloaderParts<Channel>) {
    this.#parts = parts;
  }

  /**
   * From ready to unloaded. Resolves when its memory is back, or could not be given back.
   * @param reason what the index says of it from now on; null for nothing
   */
  start(version: VersionRecord<Channel>, reason: string | null): Promise<void> {
    version.enter("draining", reason);
    const unloading = this.#unload(version, reason)
      .catch((thrown: unknown) => this.#parts.onFault(thrown))
      .finally(() => this.#under.delete(unloading));
    this.#under.add(unloading);
    return unloading;
  }

  /** Takes a version that failed while it was ready out of memory; its requests end now. */
  discard(version: VersionRecord<Channel>): void {
    const discarding = this.#discard(version)
      .catch((thrown: unknown) => this.#parts.onFault(thrown))
      .finally(() => this.#under.delete(discarding));
    this.#under.add(discarding);
  }

  async #discard(version: VersionRecord<Channel>): Promise<void> {
    const { publish, publisher } = this.#parts;
    const servable = version.servable as LoadedServable<Channel>;
    await publish();
    publisher.abandon(servable);
    await this.#free(version, servable);
  }

  /** At the end, when no thread serves any more: the memory of a version that is ready. */
  free(version: VersionRecord<Channel>): void {
    const servable = version.servable as LoadedServable<Channel>;
    const freeing = servable.loaded
      .unload()
      .catch((thrown: unknown) => this.#parts.onFault(thrown))
      .finally(() => this.#under.delete(freeing));
    this.#under.add(freeing);
  }

  /** Resolves when no unload is under way. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#under);
  }

  /** Waits for every thread to let go, then frees. */
  async #unload(version: VersionRecord<Channel>, reason: string | null): Promise<void> {
    const { publish } = this.#parts;
    const servable = version.servable as LoadedServable<Channel>;
    await publish();
    await this.#free(version, servable, reason);
  }

  async #free(
    version: VersionRecord<Channel>,
    servable: LoadedServable<Channel>,
    reason: string | null = null,
  ): Promise<void> {
    const { publisher, bringer, onUnloaded } = this.#parts;
    await publisher.whenReleased(servable);
    await servable.loaded.unload();
    bringer.forget(servable);
    version.servable = null;
    if (version.state === "draining") version.enter("unloaded", reason);
    onUnloaded(version);
  }
}
