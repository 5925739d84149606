import { createHash } from "node:crypto";
import type { Config } from "./config/config.ts";
import type { Logger } from "./lib/log.ts";
import { readTlsPair, type TlsFiles, type TlsPair } from "./lib/tls-pair.ts";

const CHECK_MS = 2000;

export function tlsFilesOf({ tlsCertFile, tlsKeyFile }: Config): TlsFiles | null {
  if (tlsCertFile === null || tlsKeyFile === null) return null;
  return { certFile: tlsCertFile, keyFile: tlsKeyFile };
}

/**
 * The certificate as the control thread sees it: looks at the files every two seconds (they may be
 * links into a mount that tells no one), judges a new pair, and only then has the threads take it. What
 * fails leaves the pair before in use and is tried again at the next look.
 */
export class TlsRoom {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #renew: () => Promise<readonly string[]>;
  #current: TlsPair;
  #digest: string;
  /** The last failure, so that each is logged once. */
  #failure: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #renewals = { changed: 0, failed: 0 };

  /** @param renew has every thread read the files again; why some could not. @throws TlsPairError */
  constructor(files: TlsFiles, log: Logger, renew: () => Promise<readonly string[]>) {
    this.#files = files;
    this.#log = log;
    this.#renew = renew;
    this.#current = readTlsPair(files);
    this.#digest = digestOf(this.#current);
  }

  get expiresEpochMs(): number {
    return this.#current.expiresEpochMs;
  }

  /** Attempts to take new files: those that did, and those that left the pair before in use. */
  get renewals(): { readonly changed: number; readonly failed: number } {
    return this.#renewals;
  }

  start(): void {
    this.#look(CHECK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(inMs: number): void {
    this.#timer = setTimeout(() => {
      void this.#check().then(() => {
        if (this.#timer !== null) this.#look(CHECK_MS);
      });
    }, inMs);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    try {
      const pair = readTlsPair(this.#files);
      const digest = digestOf(pair);
      if (digest !== this.#digest) await this.#take(pair, digest);
      this.#failure = null;
    } catch (thrown) {
      this.#tell(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  async #take(pair: TlsPair, digest: string): Promise<void> {
    const failures = await this.#renew();
    if (failures[0] !== undefined) throw new Error(failures[0]);
    this.#current = pair;
    this.#digest = digest;
    this.#renewals.changed += 1;
    const expires = new Date(pair.expiresEpochMs).toISOString();
    this.#log.info({ expires }, "the TLS certificate changed");
  }

  #tell(failure: string): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    this.#renewals.failed += 1;
    this.#log.error(
      { reason: failure },
      "the TLS certificate cannot be renewed; the one before stays in use",
    );
  }
}

function digestOf({ cert, key }: TlsPair): string {
  return createHash("sha256").update(cert).update(key).digest("hex");
}
