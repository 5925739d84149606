import { type Command, CommanderError } from "commander";

/** Where a command writes. */
export interface BenchIo {
  readonly stdout: { write(text: string): void };
  readonly stderr: { write(text: string): void };
}

/** What was asked cannot be run; the message says why. */
export class UsageError extends Error {}

/** Thrown when commander has already answered: help, or a complaint. */
export class EndedByParser extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("ended by the parser");
    this.exitCode = exitCode;
  }
}

/**
 * The flags of `argv`, as `command` describes them; commander writes to `io`.
 * @throws EndedByParser
 */
export function parseCommand<Flags extends object>(
  command: Command,
  argv: readonly string[],
  io: BenchIo,
): Flags {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
  });
  try {
    command.parse(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    throw new EndedByParser(thrown.exitCode === 0 ? 0 : 2);
  }
  return command.opts<Flags>();
}
