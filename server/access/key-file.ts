import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { withFileLock } from "./file-lock.ts";
import { isModelGlob } from "./glob.ts";
import type { KeyRecord } from "./key-record.ts";
import { ROLES, type Role } from "./principal.ts";
import { MAX_RATE_PER_SEC } from "./quota.ts";

/** A keys file that cannot be used: says which, where in it, what was expected and what came. */
export class KeyFileError extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "KeyFileError";
  }
}

export function keyFilePath(home: string): string {
  return join(home, "keys.json");
}

/** @throws KeyFileError, also when the file is not there. */
export function readKeyFile(path: string): readonly KeyRecord[] {
  const text = tryRead(path);
  if (text === null) throw new KeyFileError(path, "no such file; 'sluice keys create' makes it");
  return parseKeyFile(path, text);
}

/**
 * Reads, changes and writes the keys as one step: under a lock, to a new file (mode 0600) that then
 * takes the old one's place. A missing file counts as empty, and its folder is made.
 * @throws KeyFileError, and whatever `change` throws; then nothing is written
 */
export async function updateKeyFile(
  path: string,
  change: (records: readonly KeyRecord[]) => readonly KeyRecord[],
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await withFileLock(path, () => {
    const text = tryRead(path);
    const keys = change(text === null ? [] : parseKeyFile(path, text));
    writeAtomically(path, `${JSON.stringify({ schemaVersion: 1, keys }, null, 2)}\n`);
  });
}

/** @throws KeyFileError naming the first thing that does not fit. */
export function parseKeyFile(path: string, text: string): readonly KeyRecord[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new KeyFileError(path, `expected JSON, got ${text.length} characters that do not parse`);
  }
  if (!isRecord(file) || file["schemaVersion"] !== 1 || !Array.isArray(file["keys"])) {
    throw new KeyFileError(path, 'expected {"schemaVersion": 1, "keys": [...]}');
  }
  const records = file["keys"].map((value, at) => parseRecord(path, `keys[${at}]`, value));
  if (new Set(records.map(({ id }) => id)).size !== records.length) {
    throw new KeyFileError(path, "two keys have the same id");
  }
  return records;
}

function tryRead(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new KeyFileError(path, `cannot be read: ${(error as Error).message}`);
  }
}

function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, "wx", 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === "string";
const isTime = (value: unknown): boolean => isText(value) && !Number.isNaN(Date.parse(value));
const isTimeOrNull = (value: unknown): boolean => value === null || isTime(value);

/** Field to [what is expected, the test]. */
const FIELDS: Readonly<Record<keyof KeyRecord, readonly [string, (value: unknown) => boolean]>> = {
  id: ["12 hexadecimal digits", (v) => isText(v) && /^[0-9a-f]{12}$/.test(v)],
  sha256: ["64 hexadecimal digits", (v) => isText(v) && /^[0-9a-f]{64}$/.test(v)],
  name: ["a text of at most 128 characters", (v) => isText(v) && v.length <= 128],
  role: [`one of ${ROLES.join(", ")}`, (v) => isText(v) && ROLES.includes(v as Role)],
  models: [
    "a list of at least one glob such as * or fraud-*",
    (v) => Array.isArray(v) && v.length > 0 && v.every((each) => isText(each) && isModelGlob(each)),
  ],
  createdAt: ["a time", isTime],
  expiresAt: ["a time or null", isTimeOrNull],
  revokedAt: ["a time or null", isTimeOrNull],
  quota: ['{"ratePerSec": above 0, "burst": at least 1} or null', (v) => v === null || isQuota(v)],
};

function isQuota(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).length !== 2) return false;
  const { ratePerSec, burst } = value;
  const isRate = typeof ratePerSec === "number" && ratePerSec > 0 && ratePerSec <= MAX_RATE_PER_SEC;
  return isRate && Number.isSafeInteger(burst) && (burst as number) >= 1;
}

function parseRecord(path: string, at: string, read: unknown): KeyRecord {
  if (!isRecord(read)) throw new KeyFileError(path, `${at} must be an object`);
  // Files of before keys had quotas have none.
  const value: Fields = { quota: null, ...read };
  for (const [field, [expected, fits]] of Object.entries(FIELDS)) {
    if (fits(value[field])) continue;
    // The value itself is not shown: someone may have pasted a key where its hash belongs.
    const came = value[field] === undefined ? "nothing" : "something else";
    throw new KeyFileError(path, `${at}.${field} must be ${expected}, got ${came}`);
  }
  const unknown = Object.keys(value).find((field) => !(field in FIELDS));
  if (unknown !== undefined) {
    throw new KeyFileError(path, `${at} has the unknown field '${unknown}'`);
  }
  return value as unknown as KeyRecord;
}
