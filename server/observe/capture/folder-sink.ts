import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { OPEN_SUFFIX } from "../../../protocols/capture/capture-record.ts";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import {
  adoptLeftovers,
  captureFileName,
  processTag,
  syncFolder,
  TOUCH_MS,
} from "./capture-files.ts";
import { type RecordSink, SinkError } from "./record-sink.ts";

export interface FolderSinkOptions {
  /** It exists. */
  readonly folder: string;
  readonly fileSecs: number;
  readonly fileBytes: number;
  /** A failure outside of any call: a rotation by time. */
  readonly onFault: (thrown: unknown) => void;
  /** Files that a dead process had left open. */
  readonly onAdopted: (names: readonly string[]) => void;
}

interface OpenFile {
  readonly handle: number;
  readonly path: string;
  readonly finalPath: string;
  readonly rotation: NodeJS.Timeout;
  /** Length of the whole lines; what a failed write left beyond it is cut off. */
  bytes: number;
}

const FILE_MODE = 0o640;
const MS_PER_SECOND = 1000;

/**
 * NDJSON files that turn over by age and size. A file ends in `.open` until it is complete, synced
 * and renamed; there is none while nothing is written. File calls are synchronous: the thread does
 * nothing else.
 */
export class FolderSink implements RecordSink {
  readonly #options: FolderSinkOptions;
  readonly #tag = processTag();
  readonly #upkeep: NodeJS.Timeout;
  #file: OpenFile | null = null;
  #sequence = 0;
  /** Lines written since the last sync that somebody waits for. */
  #unsynced: Deferred<void> | null = null;

  constructor(options: FolderSinkOptions) {
    this.#options = options;
    this.#adopt();
    this.#upkeep = setInterval(() => {
      this.#touch();
      this.#adopt();
    }, TOUCH_MS);
    this.#upkeep.unref();
  }

  async write(lines: readonly string[]): Promise<void> {
    this.#append(lines);
    if ((this.#file?.bytes ?? 0) >= this.#options.fileBytes) this.#rotate();
  }

  async writeDurably(lines: readonly string[]): Promise<void> {
    this.#append(lines);
    // One sync for all that asked in this turn.
    if (this.#unsynced === null) {
      this.#unsynced = createDeferred<void>();
      setImmediate(() => this.#sync());
    }
    await this.#unsynced.promise;
  }

  async close(): Promise<void> {
    clearInterval(this.#upkeep);
    this.#rotate();
  }

  #append(lines: readonly string[]): void {
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    try {
      this.#file ??= this.#open();
      writeAll(this.#file.handle, bytes, this.#file.bytes);
      this.#file.bytes += bytes.byteLength;
    } catch (thrown) {
      this.#cutBack();
      throw new SinkError(reasonOf(thrown), { cause: thrown });
    }
  }

  #open(): OpenFile {
    const { folder, fileSecs } = this.#options;
    this.#sequence += 1;
    const finalPath = join(folder, captureFileName(Date.now(), this.#tag, this.#sequence));
    const path = `${finalPath}${OPEN_SUFFIX}`;
    const handle = openSync(path, "wx", FILE_MODE);
    const rotation = setTimeout(() => this.#rotateByTime(), fileSecs * MS_PER_SECOND);
    return { handle, path, finalPath, rotation, bytes: 0 };
  }

  /** After a failed write: no line is torn by a part of it. */
  #cutBack(): void {
    if (this.#file === null) return;
    try {
      ftruncateSync(this.#file.handle, this.#file.bytes);
    } catch {
      // The next write begins at the same place, and the rotation cuts again.
    }
  }

  #sync(): void {
    if (this.#unsynced === null || this.#file === null) return;
    try {
      fsyncSync(this.#file.handle);
      syncFolder(this.#options.folder);
      this.#settle(null);
    } catch (thrown) {
      this.#settle(thrown);
    }
  }

  #settle(failure: unknown): void {
    const waiting = this.#unsynced;
    this.#unsynced = null;
    if (failure === null) waiting?.resolve();
    else waiting?.reject(new SinkError(reasonOf(failure), { cause: failure }));
  }

  /** Completes the open file. The file is given up even where that fails. */
  #rotate(): void {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    clearTimeout(file.rotation);
    try {
      try {
        ftruncateSync(file.handle, file.bytes);
        fsyncSync(file.handle);
      } finally {
        closeSync(file.handle);
      }
      renameSync(file.path, file.finalPath);
      syncFolder(this.#options.folder);
      this.#settle(null);
    } catch (thrown) {
      this.#settle(thrown);
      throw thrown;
    }
  }

  #rotateByTime(): void {
    try {
      this.#rotate();
    } catch (thrown) {
      this.#options.onFault(thrown);
    }
  }

  #touch(): void {
    if (this.#file === null) return;
    try {
      const now = new Date();
      futimesSync(this.#file.handle, now, now);
    } catch (thrown) {
      this.#options.onFault(thrown);
    }
  }

  #adopt(): void {
    try {
      const names = adoptLeftovers(this.#options.folder, this.#tag, Date.now());
      if (names.length > 0) this.#options.onAdopted(names);
    } catch (thrown) {
      this.#options.onFault(thrown);
    }
  }
}

function writeAll(handle: number, bytes: Uint8Array, at: number): void {
  let done = 0;
  while (done < bytes.byteLength) {
    done += writeSync(handle, bytes, done, bytes.byteLength - done, at + done);
  }
}

/** The system's code alone: the message of a file call holds a path. */
function reasonOf(thrown: unknown): string {
  const { code } = thrown as NodeJS.ErrnoException;
  return typeof code === "string" ? `the disk refused (${code})` : "the disk refused";
}
