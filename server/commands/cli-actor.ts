import { userInfo } from "node:os";

/** Who runs the command line, for the audit log: `cli:<user>`. */
export function cliActor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A container may run under a number that /etc/passwd does not know.
    return `cli:uid-${process.getuid?.() ?? "unknown"}`;
  }
}
