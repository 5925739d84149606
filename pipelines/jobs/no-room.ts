import { JobError } from "./job-error.ts";

const CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** As the data engine and the C library say it. */
const WORDS = /no space left on device|disk quota exceeded|file too large/i;

/** What a full disk is told as, whoever met it: worth another try; null: it is something else. */
export function explainNoRoom(error: unknown): JobError | null {
  if (!(error instanceof Error)) return null;
  const code = "code" in error ? error.code : null;
  const words = WORDS.exec(error.message)?.[0];
  if (!CODES.has(code) && words === undefined) return null;
  return new JobError(`no room on the disk (${CODES.has(code) ? code : words})`, true);
}
