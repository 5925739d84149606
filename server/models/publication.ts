import type { OnRequest, VersionStatus } from "./serving-map.ts";
import type { LoadedServable } from "./version-record.ts";

/** What the serving threads should serve now. */
export interface Publication<Channel> {
  readonly models: readonly PublishedModel<Channel>[];
  readonly isReady: boolean;
}

export interface PublishedModel<Channel> {
  readonly name: string;
  readonly aliases: ReadonlyMap<string, number>;
  /** Aliases of the repository that lead nowhere yet. */
  readonly pendingAliases: readonly string[];
  /** Aliases and numbers that lead to a version that a request makes load. */
  readonly onRequest: readonly (readonly [string, OnRequest])[];
  readonly versions: ReadonlyMap<number, LoadedServable<Channel>>;
  readonly statuses: readonly VersionStatus[];
}

/** How the manager reaches the serving threads. */
export interface Publisher<Channel> {
  /** Hands out the new whole; resolves when every thread serves by it. */
  publish(publication: Publication<Channel>): Promise<void>;
  /** Ends its requests as `unavailable`, wherever they are. REQUIRES: it is in no publication. */
  abandon(servable: LoadedServable<Channel>): void;
  /** Resolves when no thread holds the servable any more. REQUIRES: it is in no publication. */
  whenReleased(servable: LoadedServable<Channel>): Promise<void>;
}
