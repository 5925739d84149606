import { createHash } from "node:crypto";
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { isModelName, isVersion } from "../../protocols/core/names.ts";
import { INDEX_PATH } from "../../protocols/repository/layout.ts";
import { isGone } from "../lib/is-gone.ts";
import { watchFolder } from "../lib/watch-folder.ts";
import {
  type ListedFile,
  MAX_LISTED_FILES,
  PIECE_BYTES,
  type Range,
  ReadError,
  type RepositoryReader,
  type Snapshot,
} from "./repository-reader.ts";

/**
 * A repository in a folder. Symbolic links may stand inside it (Kubernetes mounts are made of them) but must
 * not lead out of it; only regular files are read, of versions only those with a single name.
 */
export class DirectoryReader implements RepositoryReader {
  readonly description: string;
  readonly #root: string;

  constructor(root: string) {
    this.description = `directory ${root}`;
    this.#root = root;
  }

  async readIfChanged(
    path: string,
    etag: string | null,
    maxBytes: number,
  ): Promise<Snapshot | null> {
    return this.#withFile(path, async (file, stats) => {
      if (stats.size > maxBytes) {
        throw new ReadError("failed", path, `has ${stats.size} bytes, more than ${maxBytes}`);
      }
      const bytes = await fill(file, 0, new Uint8Array(Number(stats.size)));
      const hash = createHash("sha256").update(bytes).digest("hex");
      return hash === etag ? null : { bytes, etag: hash };
    });
  }

  async readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
  ): Promise<Range> {
    return this.#withFile(path, async (file, stats) => {
      if (stats.nlink > 1n) {
        const what = `has ${stats.nlink} hard links, expected 1: under another name it could be changed unseen; copy it instead`;
        throw new ReadError("failed", path, what);
      }
      const found = stampOf(stats);
      if (etag !== null && etag !== found) {
        throw new ReadError("changed", path, "changed while it was read");
      }
      const bytes = await fill(file, offset, into);
      if (bytes.byteLength === 0) {
        throw new ReadError("changed", path, `ends at byte ${stats.size}, before byte ${offset}`);
      }
      return { bytes, etag: found, totalBytes: Number(stats.size) };
    });
  }

  async listRoot(): Promise<readonly string[]> {
    return this.#namesIn("");
  }

  /** A model with a folder that may not be read is left out whole: half of it would unload the rest. */
  async listFiles(signal: AbortSignal): Promise<readonly ListedFile[]> {
    const files: ListedFile[] = [];
    for (const name of await this.#namesIn("")) {
      // Whatever else lies in the root (a disk's lost+found) is nobody's to read.
      if (!isModelName(name) && !isVersion(name)) continue;
      const before = files.length;
      try {
        await this.#list(name, MAX_DEPTH, files, signal);
      } catch (error) {
        if (!(error instanceof DeniedError) || isVersion(name)) throw error;
        files.length = before;
      }
    }
    return files;
  }

  watch(wake: () => void): () => void {
    return watchFolder(this.#root, (file) => {
      if (file === null || file === INDEX_PATH) wake();
    });
  }

  async #list(
    path: string,
    depth: number,
    files: ListedFile[],
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const stats = await stat(join(this.#root, path), { bigint: true }).catch((error: unknown) => {
      if (isGone(error)) return null;
      throw toReadError(path, error);
    });
    if (stats === null) return;
    if (stats.isDirectory()) {
      if (depth === 1) return;
      for (const name of await this.#namesIn(path)) {
        if (!name.startsWith(".")) await this.#list(`${path}/${name}`, depth - 1, files, signal);
      }
      return;
    }
    if (files.length === MAX_LISTED_FILES) {
      throw new ReadError("failed", ".", `holds more than ${MAX_LISTED_FILES} files`);
    }
    files.push({ path, bytes: Number(stats.size), stamp: stampOf(stats) });
  }

  async #namesIn(folder: string): Promise<readonly string[]> {
    return readdir(join(this.#root, folder)).catch((error: unknown) => {
      throw toReadError(folder === "" ? "." : folder, error);
    });
  }

  async #withFile<T>(
    path: string,
    use: (file: FileHandle, stats: BigIntStats) => Promise<T>,
  ): Promise<T> {
    let file: FileHandle | null = null;
    try {
      file = await open(await this.#resolve(path), OPEN_FLAGS);
      const stats = await file.stat({ bigint: true });
      if (!stats.isFile()) throw new ReadError("failed", path, "is not a regular file");
      return await use(file, stats);
    } catch (error) {
      throw toReadError(path, error);
    } finally {
      await file?.close();
    }
  }

  async #resolve(path: string): Promise<string> {
    const root = await realpath(this.#root);
    const real = await realpath(join(root, path));
    const inside = root.endsWith(sep) ? root : `${root}${sep}`;
    if (!real.startsWith(inside)) {
      throw new ReadError("failed", path, "is a link that leads out of the repository");
    }
    return real;
  }
}

/** `model/1/folder/file` */
const MAX_DEPTH = 4;

function stampOf(stats: BigIntStats): string {
  return `${stats.ino}-${stats.size}-${stats.mtimeNs}`;
}

/** Not blocking: opening a FIFO would wait for a writer for ever. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Returns what of `into` the file had bytes for. */
async function fill(file: FileHandle, offset: number, into: Uint8Array): Promise<Uint8Array> {
  let filled = 0;
  while (filled < into.byteLength) {
    const piece = Math.min(PIECE_BYTES, into.byteLength - filled);
    const { bytesRead } = await file.read(into, filled, piece, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return into.subarray(0, filled);
}

/** The system's word is that this server may not read there. */
class DeniedError extends ReadError {}

function toReadError(path: string, error: unknown): ReadError {
  if (error instanceof ReadError) return error;
  const code = codeOf(error);
  if (code === "EACCES") return new DeniedError("failed", path, code);
  const isMissing = code === "ENOENT" || code === "ENOTDIR";
  return new ReadError(isMissing ? "missing" : "failed", path, isMissing ? "is not there" : code);
}

/** Node's messages hold full paths of this machine; its codes do not. */
function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : "cannot be read";
}
