/**
 * What is plainly wrong with a shared access signature, read from the parts of it that are no secret
 * (learn.microsoft.com/rest/api/storageservices/create-account-sas); null: nothing that it shows.
 * @param nowMs this machine's clock, epoch milliseconds
 */
export function describeSasProblem(sasToken: string, nowMs: number): string | null {
  const parts = new URLSearchParams(sasToken.replace(/^\?/, ""));
  if (!parts.has("sig")) return "the SAS has no signature (sig): is it cut off?";
  const expiresMs = Date.parse(parts.get("se") ?? "");
  if (expiresMs <= nowMs) return `the SAS expired at ${new Date(expiresMs).toISOString()}`;
  const startsMs = Date.parse(parts.get("st") ?? "");
  if (startsMs > nowMs) return `the SAS is not valid before ${new Date(startsMs).toISOString()}`;
  const rights = parts.get("sp");
  if (rights !== null && !rights.includes("r"))
    return `the SAS has the rights '${rights}', not r (read)`;
  return null;
}
