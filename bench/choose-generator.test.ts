import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { generatorOfPair } from "./choose-generator.ts";
import type { GeneratorChoice, GeneratorKind } from "./generator.ts";
import type { LoadPlan, Protocol } from "./load-plan.ts";
import { type LoadResult, summariseLoad } from "./load-result.ts";
import { assertSameGenerator } from "./run-pairs.ts";

function planOf(protocol: Protocol, generator: GeneratorChoice): LoadPlan {
  return {
    protocol,
    endpoints: { url: "http://127.0.0.1:1", grpc: "127.0.0.1:2" },
    apiKey: null,
    timeoutMs: 1,
    deadlineMs: null,
    model: { name: "m", version: null },
    outputs: [],
    inputs: [],
    comparesValues: true,
    generator,
    connections: 1,
    shape: {
      ratePerSec: null,
      warmupMs: 0,
      durationMs: 1,
      graceMs: 0,
      poolSize: 1,
      sliceMs: null,
    },
  };
}

function resultOf(name: string, generator: GeneratorKind | null): LoadResult {
  const facts = { name, connections: 1, ratePerSec: null, durationMs: 1, deadlineMs: null };
  const made = { generator, generatorReason: null, generatorDelayP99Ms: null, usage: null };
  const cost = { generatorUtilization: 0, generatorCpuUsPerAnswer: null };
  return summariseLoad({ ...facts, ...made, ...cost }, []);
}

describe("the generator of a pair", () => {
  it("is one that speaks both protocols", () => {
    const json = planOf("http-json", "auto");
    assert.equal(generatorOfPair(planOf("grpc", "auto"), json), "script");
    assert.equal(generatorOfPair(json, planOf("grpc", "auto")), "script");
    assert.equal(generatorOfPair(planOf("websocket", "auto"), json), "auto");
    assert.equal(generatorOfPair(planOf("http-binary", "native"), json), "native");
    assert.equal(generatorOfPair(planOf("http-binary", "script"), json), "script");
  });

  it("is the same, or there is no comparison", () => {
    const pairedOf = (ours: GeneratorKind | null, theirs: GeneratorKind | null) => ({
      ours: [resultOf("ours", ours)],
      theirs: [resultOf("theirs", theirs)],
      noisyPairs: 0,
    });
    assertSameGenerator(pairedOf("native", "native"));
    assertSameGenerator(pairedOf("native", null));
    assert.throws(
      () => assertSameGenerator(pairedOf("script", "native")),
      /ours was driven by the script generator and theirs by the native one/,
    );
  });
});
