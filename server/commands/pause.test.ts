import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { createPause } from "./pause.ts";

describe("the pause for kill tests", () => {
  it("does nothing at other points, or without a wanted one", async () => {
    let said = "";
    const stderr = { write: (text: string) => (said += text) };
    await createPause(undefined, stderr)("a");
    await createPause("b", stderr)("a");
    assert.equal(said, "");
  });

  it("lets earlier passes by, says where it is and keeps the process until it is killed", async () => {
    const module = JSON.stringify(new URL("./pause.js", import.meta.url).href);
    const code = `const { createPause } = await import(${module});
      const pause = createPause("here:2", process.stderr);
      await pause("here"); process.stderr.write("passed once, ");
      await pause("here"); process.stderr.write("went on");`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
    let text = "";
    for await (const chunk of child.stderr) {
      text += String(chunk);
      if (text.endsWith("\n")) break;
    }
    assert.equal(text, "passed once, paused at here\n");
    child.kill("SIGKILL");
    const [, signal] = (await once(child, "exit")) as [number | null, string];
    assert.equal(signal, "SIGKILL");
  });
});
