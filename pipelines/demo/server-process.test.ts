import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainEnd } from "./server-process.ts";

describe("explainEnd", () => {
  it("gives the server's own last complaint", () => {
    const end = { exitCode: 2, signal: null };
    const stderr = '{"level":50}\nsluice: first\nsluice: httpPort must be an integer\n';
    assert.equal(explainEnd(end, stderr), "httpPort must be an integer");
  });

  it("says how it ended when it said nothing", () => {
    assert.equal(
      explainEnd({ exitCode: 7, signal: null }, "noise\n"),
      "the server ended (exit code 7)",
    );
    assert.equal(
      explainEnd({ exitCode: null, signal: "SIGKILL" }, ""),
      "the server ended (SIGKILL)",
    );
  });
});
