/**
 * The key that a request shows: the bearer token of its authorization, else x-api-key, else null.
 * An authorization of another scheme is no credential. Same headers under HTTP and gRPC.
 * @param header the header of that lower-case name, null when it did not come
 */
export function readCredential(header: (name: string) => string | null): string | null {
  const authorization = header("authorization");
  if (authorization === null) return header("x-api-key");
  // First as nearly everyone writes it: folding case costs a call for each request.
  const isBearer =
    authorization.startsWith("Bearer ") || authorization.slice(0, 7).toLowerCase() === "bearer ";
  return isBearer ? authorization.slice(7).trim() : null;
}
