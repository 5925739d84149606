import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServingHints } from "../models/source.ts";

/** What became of a version without a manifest: the one that was made for it, and what its configuration says. */
export interface PlainRecord {
  readonly manifestSha256: string;
  readonly hints: ServingHints;
}

/** Records by fingerprint, on this disk: for a restart, and a start without the repository. */
export class PlainRecords {
  readonly #folder: string;

  constructor(cacheRoot: string) {
    this.#folder = join(cacheRoot, "plain");
  }

  /** null: there is none, or it is torn. */
  async read(fingerprint: string): Promise<PlainRecord | null> {
    try {
      return JSON.parse(await readFile(this.#path(fingerprint), "utf8")) as PlainRecord;
    } catch {
      return null;
    }
  }

  async write(fingerprint: string, record: PlainRecord): Promise<void> {
    const path = this.#path(fingerprint);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.tmp`, path);
  }

  #path(fingerprint: string): string {
    return join(this.#folder, `${fingerprint}.json`);
  }
}
