import type { CommandIo } from "../command-io.ts";

/** An io that remembers what was said. */
export interface CapturedIo {
  readonly io: CommandIo;
  out(): string;
  err(): string;
  /** Resolves once standard output or error holds a match. */
  whenSaid(pattern: RegExp): Promise<void>;
}

export function captureIo(env: CommandIo["env"] = {}): CapturedIo {
  const said = { out: "", err: "" };
  const lookers = new Set<() => void>();
  const sink = (to: "out" | "err") => ({
    write(text: string) {
      said[to] += text;
      for (const look of lookers) look();
    },
  });
  return {
    io: { stdout: sink("out"), stderr: sink("err"), env },
    out: () => said.out,
    err: () => said.err,
    whenSaid: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!pattern.test(said.out + said.err)) return;
          lookers.delete(look);
          resolve();
        };
        lookers.add(look);
        look();
      }),
  };
}
