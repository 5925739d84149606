import { auditLogPath, openAuditLog } from "../access/audit-log.ts";
import type { AuditEntry } from "../access/audit-record.ts";
import { isModelGlob } from "../access/glob.ts";
import { readKeyFile, updateKeyFile } from "../access/key-file.ts";
import { createKey, type KeyRecord, type NewKey } from "../access/key-record.ts";
import { ROLES, type Role } from "../access/principal.ts";
import { MAX_RATE_PER_SEC, type Quota } from "../access/quota.ts";
import { type ConfigInputs, loadPlaces } from "../config/load.ts";
import { didYouMean } from "../lib/nearest-name.ts";
import { cliActor } from "./cli-actor.ts";
import { type Io, UsageError } from "./io.ts";

const DAY_MS = 86_400_000;
const MAX_DAYS = 36_500;

/** Options as the command line gives them. */
export interface CreateKeyOptions {
  readonly name: string;
  readonly role: string;
  readonly models: string;
  readonly expiresDays: string | undefined;
  readonly rate: string | undefined;
  readonly burst: string | undefined;
}

/** Makes a key: its text, which is kept nowhere, goes to standard output; the rest to standard error. */
export async function createKeyCommand(
  options: CreateKeyOptions,
  inputs: ConfigInputs,
  io: Io,
): Promise<number> {
  const now = new Date();
  const { record, text } = createKey(readNewKey(options, now), now, readQuota(options));
  const file = await changeKeys(inputs, (records) => [...records, record], {
    action: "key.create",
    target: record.id,
    details: {
      role: record.role,
      models: record.models.join(","),
      expiresAt: record.expiresAt,
      ratePerSec: record.quota?.ratePerSec ?? null,
      burst: record.quota?.burst ?? null,
    },
  });
  io.stdout.write(`${text}\n`);
  io.stderr.write(
    `key ${record.id} (${record.role} on ${record.models.join(", ")}) is in ${file}; its text is shown only now\n`,
  );
  return 0;
}

export function listKeysCommand(inputs: ConfigInputs, io: Io): number {
  const { keysFile } = loadPlaces(inputs);
  const now = Date.now();
  const rows = readKeyFile(keysFile).map((record) => [
    record.id,
    record.role,
    stateOf(record, now),
    record.models.join(","),
    record.createdAt.slice(0, 10),
    record.expiresAt?.slice(0, 10) ?? "never",
    record.quota === null ? "none" : `${record.quota.ratePerSec}/s, ${record.quota.burst} at once`,
    record.name,
  ]);
  const table = [["ID", "ROLE", "STATE", "MODELS", "CREATED", "EXPIRES", "QUOTA", "NAME"], ...rows];
  io.stdout.write(`${align(table)}\n`);
  return 0;
}

/** Revokes for good; revoking twice changes nothing. */
export async function revokeKeyCommand(id: string, inputs: ConfigInputs, io: Io): Promise<number> {
  const revokedAt = new Date().toISOString();
  const file = await changeKeys(inputs, (records) => revoke(records, id, revokedAt), {
    action: "key.revoke",
    target: id,
    details: {},
  });
  io.stderr.write(`key ${id} is revoked in ${file}\n`);
  return 0;
}

function revoke(records: readonly KeyRecord[], id: string, revokedAt: string): KeyRecord[] {
  const ids = records.map((record) => record.id);
  if (!ids.includes(id)) {
    // The full key may have been given by mistake: show no more than an id's length of it.
    throw new UsageError(`no key has the id '${id.slice(0, 12)}'${didYouMean(id, ids)}`);
  }
  return records.map((record) =>
    record.id === id && record.revokedAt === null ? { ...record, revokedAt } : record,
  );
}

/** The audit log is opened first: what cannot be recorded is not done. */
async function changeKeys(
  inputs: ConfigInputs,
  change: (records: readonly KeyRecord[]) => readonly KeyRecord[],
  what: Pick<AuditEntry, "action" | "target" | "details">,
): Promise<string> {
  const { home, keysFile } = loadPlaces(inputs);
  const audit = await openAuditLog(auditLogPath(home), Date.now);
  await updateKeyFile(keysFile, change);
  await audit.append({ ...what, actor: cliActor(), outcome: "ok" });
  return keysFile;
}

function readNewKey(options: CreateKeyOptions, now: Date): NewKey {
  const { name, role } = options;
  if (name.trim() === "" || name.length > 128) {
    throw new UsageError("--name must have 1 to 128 characters");
  }
  if (!isRole(role)) {
    throw new UsageError(
      `--role must be one of ${ROLES.join(", ")}, got '${role}'${didYouMean(role, ROLES)}`,
    );
  }
  const models = options.models.split(",").map((glob) => glob.trim());
  const wrong = models.find((glob) => !isModelGlob(glob));
  if (wrong !== undefined) {
    throw new UsageError(
      `--models must be names, prefixes such as fraud-* or *, separated by commas, got '${wrong}'`,
    );
  }
  return { name, role, models, expiresAt: readExpiry(options.expiresDays, now) };
}

function readExpiry(text: string | undefined, now: Date): Date | null {
  if (text === undefined) return null;
  const days = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > MAX_DAYS) {
    throw new UsageError(`--expires-days must be an integer from 1 to ${MAX_DAYS}, got '${text}'`);
  }
  return new Date(now.getTime() + days * DAY_MS);
}

/** Without --burst as many at once as a second has; at least one. */
function readQuota({ rate, burst }: CreateKeyOptions): Quota | null {
  if (rate === undefined) {
    if (burst === undefined) return null;
    throw new UsageError("--burst needs --rate");
  }
  const ratePerSec = Number(rate);
  if (!(ratePerSec > 0 && ratePerSec <= MAX_RATE_PER_SEC)) {
    throw new UsageError(`--rate must be above 0 and at most ${MAX_RATE_PER_SEC}, got '${rate}'`);
  }
  const atOnce = burst === undefined ? Math.max(1, Math.ceil(ratePerSec)) : Number(burst);
  if (!Number.isSafeInteger(atOnce) || atOnce < 1) {
    throw new UsageError(`--burst must be a whole number from 1, got '${burst}'`);
  }
  return { ratePerSec, burst: atOnce };
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function stateOf(record: KeyRecord, nowMs: number): string {
  if (record.revokedAt !== null) return "revoked";
  return record.expiresAt !== null && Date.parse(record.expiresAt) <= nowMs ? "expired" : "live";
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths?.[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
