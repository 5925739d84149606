import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives `use` a folder of its own, removed when it settles and also when the process is told to end. */
export async function withFolder<T>(
  prefix: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  process.once("SIGINT", exitOnSignal);
  process.once("SIGTERM", exitOnSignal);
  try {
    return await use(folder);
  } finally {
    remove();
    process.off("exit", remove);
    process.off("SIGINT", exitOnSignal);
    process.off("SIGTERM", exitOnSignal);
  }
}

/** Left to its default a signal ends the process without `exit`, and children would stay. */
function exitOnSignal(signal: "SIGINT" | "SIGTERM"): void {
  process.exit(signal === "SIGINT" ? 130 : 143);
}
