import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { withFileLock } from "./file-lock.ts";
import { type RepositoryStore, type Stored, StoreError } from "./repository-store.ts";

/** A model repository in a folder, which is made when it is not there. */
export class DirectoryStore implements RepositoryStore {
  readonly description: string;
  readonly #root: string;

  constructor(root: string) {
    this.description = root;
    this.#root = root;
  }

  async read(path: string, maxBytes: number): Promise<Stored | null> {
    try {
      const full = join(this.#root, path);
      const { size } = await stat(full);
      if (size > maxBytes) throw new StoreError(path, `has ${size} bytes, more than ${maxBytes}`);
      const bytes = await readFile(full);
      return { bytes, etag: createHash("sha256").update(bytes).digest("hex") };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw toStoreError(path, error);
    }
  }

  async stamp(path: string): Promise<string | null> {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(join(this.#root, path), { bigint: true });
      return [ino, size, mtimeNs, ctimeNs].join("-");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw toStoreError(path, error);
    }
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    try {
      const full = join(this.#root, path);
      await mkdir(dirname(full), { recursive: true });
      await writeSynced(full, bytes);
      await syncDirectory(dirname(full));
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw toStoreError(path, error);
    }
  }

  async replace(path: string, bytes: Uint8Array, etag: string | null): Promise<boolean> {
    try {
      const full = join(this.#root, path);
      await mkdir(dirname(full), { recursive: true });
      return await withFileLock(`${full}.lock`, path, async (assertHeld) => {
        const found = await this.read(path, Number.MAX_SAFE_INTEGER);
        if ((found?.etag ?? null) !== etag) return false;
        const partial = `${full}.tmp-${randomUUID()}`;
        try {
          await writeSynced(partial, bytes);
          await assertHeld();
          await rename(partial, full);
        } finally {
          await rm(partial, { force: true });
        }
        await syncDirectory(dirname(full));
        return true;
      });
    } catch (error) {
      throw toStoreError(path, error);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    try {
      const entries = await readdir(join(this.#root, prefix), {
        recursive: true,
        withFileTypes: true,
      });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(this.#root, join(entry.parentPath, entry.name)))
        .map((path) => path.split(sep).join("/"))
        .sort()
        .slice(0, MAX_LISTED);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw toStoreError(prefix, error);
    }
  }

  async remove(path: string): Promise<void> {
    try {
      await rm(join(this.#root, path), { force: true });
    } catch (error) {
      throw toStoreError(path, error);
    }
  }
}

const MAX_LISTED = 1000;

/** Create-only; on the disk when it resolves. */
async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

function toStoreError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  return new StoreError(
    path,
    typeof code === "string" ? `cannot be used (${code})` : String(error),
  );
}
