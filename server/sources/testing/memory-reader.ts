import { sha256Hex } from "../../../protocols/repository/documents.ts";
import {
  type ListedFile,
  type Range,
  ReadError,
  type RepositoryReader,
  type Snapshot,
} from "../repository-reader.ts";

/** What goes wrong with one reading. */
export type ReadFault =
  | "fails"
  | "is-missing"
  | "changes"
  | "is-short"
  | "is-flipped"
  | "is-a-page";

/** A repository in memory that fails when it is told to; counts what is asked of it. */
export class MemoryReader implements RepositoryReader {
  readonly description = "memory";
  readonly files = new Map<string, Uint8Array>();
  attempts = 0;
  /** Asked once a reading; null: it goes well. */
  decide: (path: string) => ReadFault | null = () => null;

  async readIfChanged(
    path: string,
    etag: string | null,
    _maxBytes: number,
    signal: AbortSignal,
  ): Promise<Snapshot | null> {
    signal.throwIfAborted();
    const bytes = this.#read(path);
    const found = sha256Hex(bytes);
    return found === etag ? null : { bytes, etag: found };
  }

  async readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range> {
    signal.throwIfAborted();
    const bytes = this.#read(path);
    const found = sha256Hex(this.files.get(path) ?? bytes);
    if (etag !== null && etag !== found) throw new ReadError("changed", path, "is another one");
    const part = bytes.subarray(offset, offset + into.byteLength);
    if (part.byteLength === 0) throw new ReadError("failed", path, "broke off");
    into.set(part);
    const totalBytes = this.files.get(path)?.byteLength ?? bytes.byteLength;
    return { bytes: into.subarray(0, part.byteLength), etag: found, totalBytes };
  }

  async listRoot(): Promise<readonly string[]> {
    return [...new Set([...this.files.keys()].map((path) => path.split("/")[0] as string))];
  }

  async listFiles(): Promise<readonly ListedFile[]> {
    return [...this.files].map(([path, bytes]) => ({
      path,
      bytes: bytes.byteLength,
      stamp: sha256Hex(bytes),
    }));
  }

  watch(): () => void {
    return () => undefined;
  }

  #read(path: string): Uint8Array {
    this.attempts += 1;
    const fault = this.decide(path);
    const bytes = this.files.get(path);
    if (fault === "fails") throw new ReadError("failed", path, "no answer");
    if (fault === "changes") throw new ReadError("changed", path, "changed while it was read");
    if (fault === "is-missing" || bytes === undefined) {
      throw new ReadError("missing", path, "is not there");
    }
    if (fault === "is-a-page") return new TextEncoder().encode("<html>sign in</html>");
    if (fault === "is-short") return bytes.subarray(0, bytes.byteLength >> 1);
    if (fault === "is-flipped") return flip(bytes);
    return bytes;
  }
}

function flip(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  const at = bytes.byteLength >> 1;
  flipped[at] = (flipped[at] as number) ^ 1;
  return flipped;
}
