/** Tells the viewer one thing. */
export type Say = (text: string) => void;

/** Lines with the seconds since now in front. */
export function createSay(stdout: { write(text: string): unknown }): Say {
  const startMs = performance.now();
  return (text) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    stdout.write(`[${seconds.padStart(5)} s] ${text}\n`);
  };
}
