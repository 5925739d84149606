import { readTlsPair, type TlsFiles } from "../lib/tls-pair.ts";
import { type Finding, finding } from "./doctor-check.ts";

const DAY_MS = 86_400_000;
const SOON_DAYS = 14;

/** @param files null: plain text */
export function checkTls(files: TlsFiles | null): Finding {
  if (files === null) return finding("tls", "ok", "none: plain text");
  try {
    const { expiresEpochMs } = readTlsPair(files);
    const days = Math.floor((expiresEpochMs - Date.now()) / DAY_MS);
    const text = `${files.certFile} expires in ${days} days`;
    return finding("tls", days < SOON_DAYS ? "warn" : "ok", text);
  } catch (thrown) {
    return finding("tls", "fail", (thrown as Error).message);
  }
}
