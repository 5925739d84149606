import { spawn } from "node:child_process";

/**
 * A process between a training job and the trainer: `node trainer-guard.js PROGRAM [ARGUMENT …]`. It
 * leads the trainer's process group, tells the job how the trainer ended and stays until the job ends the
 * group. When the job is gone,
 * killed outright too, their channel closes: then the whole group is killed, this process with it.
 */

/** What the guard tells the job, once. */
export type GuardMessage =
  | { readonly kind: "unstarted"; readonly problem: string }
  | {
      readonly kind: "ended";
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

function guard(program: string, args: readonly string[]): void {
  process.on("disconnect", endGroup);
  if (!process.connected) endGroup();
  // SIGTERM goes to the whole group: whether to end on it is for the trainer to say.
  process.on("SIGTERM", () => undefined);
  const trainer = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  trainer.once("error", ({ message }) => tell({ kind: "unstarted", problem: message }));
  trainer.once("exit", (code, signal) => tell({ kind: "ended", code, signal }));
}

function endGroup(): void {
  process.kill(-process.pid, "SIGKILL");
}

/** The job ends the group when it has heard. */
function tell(message: GuardMessage): void {
  process.send?.(message);
}

const [program, ...args] = process.argv.slice(2);
if (program !== undefined) guard(program, args);
