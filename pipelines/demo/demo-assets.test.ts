import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { loadDemoAssets } from "./demo-assets.ts";

describe("loadDemoAssets", () => {
  it("has eleven seconds of 16 kHz speech and two models", () => {
    const { models, speech } = loadDemoAssets();
    assert.equal(speech.sampleRate, 16_000);
    assert.equal(Math.round(speech.samples.length / 16_000), 11);
    assert.notEqual(models[0].path, models[1].path);
  });

  it("has the flights, and says what to install without them", () => {
    assert.ok(existsSync(loadDemoAssets().flightsPath));
    const require = createRequire(import.meta.url);
    const locate = (specifier: string) => {
      if (specifier.startsWith("vega")) throw new Error("Cannot find module");
      return require.resolve(specifier);
    };
    assert.throws(() => loadDemoAssets(locate), /needs the development package 'vega-datasets'/);
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
