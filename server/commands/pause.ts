import type { TextSink } from "./io.ts";

/** Called at named points of the code, so that a test can kill the process exactly there. */
export type Pause = (point: string) => Promise<void>;

/**
 * @param wanted SLUICE_TEST_PAUSE: at this point, says so on standard error and waits for ever.
 *   "point:2" lets the first pass.
 */
export function createPause(wanted: string | undefined, stderr: TextSink): Pause {
  const [wantedPoint, times = "1"] = wanted?.split(":") ?? [];
  let left = Number(times);
  return (point) => {
    if (point !== wantedPoint) return Promise.resolve();
    left -= 1;
    if (left > 0) return Promise.resolve();
    stderr.write(`paused at ${point}\n`);
    return new Promise(() => {
      // A pending promise does not keep the process; a timer does.
      setInterval(() => null, 3_600_000);
    });
  };
}
