import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadDemoAssets } from "./demo-assets.ts";

describe("loadDemoAssets", () => {
  it("has eleven seconds of 16 kHz speech and two models", () => {
    const { models, speech } = loadDemoAssets();
    assert.equal(speech.sampleRate, 16_000);
    assert.equal(Math.round(speech.samples.length / 16_000), 11);
    assert.notEqual(models[0].path, models[1].path);
  });

  it("says how to install what is not there", () => {
    const locate = () => {
      throw new Error("Cannot find module\nRequire stack: …");
    };
    assert.throws(() => loadDemoAssets(locate), {
      message:
        "the demo needs the development package '@ricky0123/vad-web'; run 'npm ci' without --omit=dev",
    });
  });
});
