import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainEnd, parseEndpoints } from "./up-process.ts";

describe("explainEnd", () => {
  it("gives the first complaint", () => {
    const end = { exitCode: 2, signal: null };
    const stderr = '{"level":50}\nsluice: httpPort must be an integer\nsluice: second\n';
    assert.equal(explainEnd(end, stderr), "httpPort must be an integer");
  });

  it("says which settings choose other ports", () => {
    for (const complaint of [
      "cannot listen on 127.0.0.1:8000: another process listens there",
      "cannot serve the API on 127.0.0.1:5000: listen EADDRINUSE",
    ]) {
      const text = explainEnd({ exitCode: 0, signal: null }, `sluice: ${complaint}\n`);
      assert.match(text, /; SLUICE_HTTP_PORT, .*SLUICE_PIPELINES_PORT .* choose other ports$/);
      assert.ok(text.startsWith(complaint));
    }
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

describe("parseEndpoints", () => {
  const serve = "serve     | listening  http=http://h:1 grpc=h:2 metrics=http://h:3/metrics\n";
  const pipelines = "pipelines | listening  api=http://h:4 metrics=http://h:5/metrics\n";

  it("waits for both", () => {
    assert.equal(parseEndpoints(serve), null);
    assert.equal(parseEndpoints(pipelines), null);
    const { banner: _, ...found } = parseEndpoints(`${pipelines}noise\n${serve}`) ?? {};
    assert.deepEqual(found, {
      httpUrl: "http://h:1",
      grpcTarget: "h:2",
      metricsUrl: "http://h:3/metrics",
      pipelinesUrl: "http://h:4",
      pipelinesMetricsUrl: "http://h:5/metrics",
    });
  });
});
