import { resolve } from "node:path";
import { auditLogPath } from "../access/audit-log.ts";
import { verifyAuditLog } from "../access/verify-audit-log.ts";
import { type ConfigInputs, loadPlaces } from "../config/load.ts";
import type { Io } from "./io.ts";

/** Checks the whole chain; exit code 1 where it is broken. */
export async function verifyAuditCommand(
  file: string | undefined,
  inputs: ConfigInputs,
  io: Io,
): Promise<number> {
  const path = file === undefined ? auditLogPath(loadPlaces(inputs).home) : resolve(io.cwd, file);
  const verdict = await verifyAuditLog(path);
  if (verdict.brokenAt !== null) {
    const { line, problem } = verdict.brokenAt;
    io.stderr.write(
      `sluice: ${path}:${line} ${problem}; ${verdict.records} records before it chain\n`,
    );
    return 1;
  }
  io.stdout.write(`OK: ${verdict.records} records, head ${verdict.headSha256}\n`);
  return 0;
}
