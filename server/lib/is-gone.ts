/**
 * Whether a file system's error says that nothing is there (a link to nowhere or in a circle counts so);
 * any other says that it cannot be known just now.
 */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}
