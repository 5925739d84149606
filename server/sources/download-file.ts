import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { PIECE_BYTES, ReadError, type RepositoryReader } from "./repository-reader.ts";

/** One request of this many bytes at a time. */
export const RANGE_BYTES = 4 * 1024 * 1024;

export interface FileDownload {
  readonly reader: RepositoryReader;
  /** In the repository. */
  readonly path: string;
  /** On this disk; what it already holds is kept. */
  readonly target: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** The file must be this one from the first byte on; null: whichever is there when it begins. */
  readonly etag: string | null;
  /** What is read passes through it. RANGE_BYTES long, and nobody else's for as long. */
  readonly buffer: Uint8Array;
  readonly signal: AbortSignal;
  /** After each range has been written. */
  readonly onRange: () => Promise<void>;
}

export interface DownloadedFile {
  /** Of what is on the disk now. */
  readonly sha256: string;
  /** Bytes that were there before. */
  readonly resumedAt: number;
}

/**
 * Brings one file to the disk, `bytes` long, from where an earlier try stopped. The bytes
 * are hashed but not judged. Rejects with ReadError; what was written stays for the next try.
 */
export async function downloadFile(download: FileDownload): Promise<DownloadedFile> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = await open(download.target, flags, 0o600);
  try {
    const hash = createHash("sha256");
    const resumedAt = await hashExisting(download, file, hash);
    await fetchRest(download, file, resumedAt, hash);
    await file.sync();
    return { sha256: hash.digest("hex"), resumedAt };
  } finally {
    await file.close();
  }
}

/** Returns how much is there. A file that is too long is no beginning of ours: start again. */
async function hashExisting(
  { bytes, buffer }: FileDownload,
  file: FileHandle,
  hash: Hash,
): Promise<number> {
  const { size } = await file.stat();
  if (size > bytes) {
    await file.truncate(0);
    return 0;
  }
  let offset = 0;
  while (offset < size) {
    const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, offset);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  return offset;
}

async function fetchRest(
  { reader, path, bytes, etag: first, buffer, signal, onRange }: FileDownload,
  file: FileHandle,
  from: number,
  hash: Hash,
): Promise<void> {
  let offset = from;
  let etag = first;
  while (offset < bytes) {
    signal.throwIfAborted();
    const rest = buffer.subarray(0, bytes - offset);
    const range = await reader.readRange(path, offset, rest, etag, signal);
    if (range.totalBytes !== bytes) {
      const sizes = `expected ${bytes} bytes, got ${range.totalBytes}`;
      throw new ReadError("changed", path, sizes);
    }
    for (const piece of piecesOf(range.bytes)) {
      await writeAll(file, piece, offset);
      hash.update(piece);
      offset += piece.byteLength;
    }
    etag = range.etag;
    await onRange();
  }
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
    yield bytes.subarray(start, start + PIECE_BYTES);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const left = bytes.byteLength - written;
    written += (await file.write(bytes, written, left, at + written)).bytesWritten;
  }
}
