import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "./version-cache.ts";

/** The last good index of one repository, on this disk: for a start without the repository. */
export class IndexCache {
  readonly path: string;

  constructor(cacheRoot: string, location: string) {
    const id = createHash("sha256").update(location).digest("hex").slice(0, 16);
    this.path = join(cacheRoot, `index-${id}.json`);
  }

  /** null when none was kept. */
  async read(): Promise<Uint8Array | null> {
    try {
      return await readFile(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  /** Replaces it whole or not at all. */
  async write(bytes: Uint8Array): Promise<void> {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const partial = `${this.path}.tmp`;
    const file = await open(partial, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, this.path);
    await syncDirectory(folder);
  }
}
