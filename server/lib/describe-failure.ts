/** A system call's failure says where it looked; a status that clients can read must not. */
export function describeFailure(thrown: unknown): string {
  if (!(thrown instanceof Error)) return withoutPaths(String(thrown));
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return `${code} in ${syscall}`;
  return withoutPaths(thrown.message);
}

function withoutPaths(text: string): string {
  // Absolute ones: those of the repository start with a name, and say which file is at fault.
  return text.replace(/(?<![\w.+@-])(?:\/[\w.+@-]+){2,}\/?/g, "…");
}
