import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PasteContext, pasteLines } from "./paste-lines.ts";

const DEFAULT: PasteContext = {
  endpoints: {
    httpUrl: "http://127.0.0.1:8000",
    grpcTarget: "127.0.0.1:8001",
    metricsUrl: "http://127.0.0.1:8002/metrics",
    pipelinesUrl: "http://127.0.0.1:5000",
    pipelinesMetricsUrl: "http://127.0.0.1:5002/metrics",
    banner: "",
  },
  model: "m",
  flightVersion: "f@2",
  outlet: "o",
  home: "/tree/.sluice",
  framePath: "/tree/.sluice/demo/frame.json",
  cwd: "/tree",
};

describe("pasteLines", () => {
  it("is short for the usual ports and home", () => {
    const text = pasteLines(DEFAULT);
    const frame = ".sluice/demo/frame.json";
    assert.ok(text.includes(`\n  npx sluice infer --model m --input ${frame} --protocol grpc\n`));
    assert.ok(text.includes("\n  npx sluice rollback --model m\n"));
    assert.ok(text.includes("\n  npx sluice explain f@2\n"));
    assert.ok(text.includes("\n  curl -s 'http://127.0.0.1:5000/v1/feeds/o?limit=3'\n"));
    assert.ok(!text.includes("/tree"));
  });

  it("names other ports and another home, quoted for a shell", () => {
    const text = pasteLines({
      ...DEFAULT,
      endpoints: { ...DEFAULT.endpoints, httpUrl: "http://127.0.0.1:9", grpcTarget: "127.0.0.1:7" },
      home: "/my home",
      framePath: "/my home/it's.json",
    });
    assert.ok(text.includes("--protocol grpc --url 127.0.0.1:7\n"));
    assert.ok(text.includes("--protocol websocket --url ws://127.0.0.1:9\n"));
    assert.ok(text.includes("rollback --model m --home '/my home'\n"));
    assert.ok(text.includes("-d @'/my home/it'\\''s.json'\n"));
  });
});
