import assert from "node:assert/strict";
import { it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { ask } from "../../transport/testing/clients.ts";
import { ROW, ROWS, rows, type Server } from "./conformance-requests.ts";

/** Everything around inference (sheet §14: health, metadata, id, gzip, config, statistics, logging, classes). */
export function surroundingCases(server: Server): void {
  it("health, metadata, and what it announces", async () => {
    const { httpPort } = server();
    for (const path of ["/v2/health/live", "/v2/health/ready", "/v2/models/rows/ready"]) {
      assert.equal((await ask(httpPort, path)).status, 200, path);
    }
    const { json } = await ask(httpPort, "/v2");
    for (const extension of ["binary_tensor_data", "classification", "logging", "statistics"]) {
      assert.ok(json.extensions.includes(extension), extension);
    }
    for (const path of ["/v2/models/rows", "/v2/models/rows/versions/1"]) {
      const { name, versions, inputs } = (await ask(httpPort, path)).json;
      assert.deepEqual([name, versions], ["rows", ["1"]]);
      assert.deepEqual(inputs, [{ name: "x", datatype: "FP32", shape: [-1, 3] }]);
    }
  });

  it("an id is echoed, and absent where none was sent", async () => {
    const named = await ask(server().httpPort, ROWS, { body: rows(ROW, ',"id":"é-7"') });
    assert.equal(named.json.id, "é-7");
    const nameless = await ask(server().httpPort, ROWS, { body: rows(ROW) });
    assert.equal("id" in nameless.json, false);
    assert.equal(nameless.json.model_version, "1");
  });

  it("gzip in and out", async () => {
    const data = Array.from({ length: 3000 }, (_, i) => i / 8);
    const input = { name: "x", datatype: "FP32", shape: [1000, 3], data };
    const reply = await ask(server().httpPort, ROWS, {
      body: gzipSync(JSON.stringify({ inputs: [input] })),
      headers: { "content-encoding": "gzip", "accept-encoding": "gzip" },
    });
    assert.equal(reply.headers["content-encoding"], "gzip");
    assert.deepEqual(JSON.parse(gunzipSync(reply.bytes).toString()).outputs[0].data, data);
  });

  it("priority and timeout are taken", async () => {
    const body = rows(ROW, ',"parameters":{"priority":1,"timeout":10000000}');
    assert.equal((await ask(server().httpPort, ROWS, { body })).status, 200);
  });

  it("classes in place of values", async () => {
    const outputs = ',"outputs":[{"name":"y","parameters":{"classification":2}}]';
    const { json } = await ask(server().httpPort, ROWS, { body: rows(ROW, outputs) });
    const [{ datatype, shape, data }] = json.outputs;
    assert.deepEqual([datatype, shape, data], ["BYTES", [1, 2], ["3:2", "2:1"]]);
  });

  it("the configuration that load tools read", async () => {
    const { json } = await ask(server().httpPort, "/v2/models/rows/versions/1/config");
    assert.deepEqual(
      [json.name, json.max_batch_size > 0, json.input[0].dims, json.input[0].data_type],
      ["rows", true, [3], "TYPE_FP32"],
    );
    assert.equal(json.model_transaction_policy.decoupled, false);
  });

  it("statistics: rows and runs add up over all threads, failures apart", async () => {
    const { httpPort } = server();
    const path = "/v2/models/rows/versions/1/stats";
    const before = (await ask(httpPort, path)).json.model_stats[0];
    const two = rows('{"name":"x","datatype":"FP32","shape":[2,3],"data":[1,2,3,4,5,6]}');
    for (let i = 0; i < 6; i++) await ask(httpPort, ROWS, { body: two });
    await ask(httpPort, ROWS, { body: rows("") });
    const after = (await ask(httpPort, path)).json.model_stats[0];
    const grown = (read: (stats: typeof after) => number) => read(after) - read(before);
    assert.equal(
      grown((s) => s.inference_count),
      12,
    );
    // A run that outlasts its budget on the serving thread is ended and run again by the engine.
    const runs = grown((s) => s.execution_count);
    assert.ok(runs >= 6 && runs <= 12, `${runs} runs`);
    assert.equal(
      grown((s) => s.inference_stats.success.count),
      6,
    );
    assert.equal(
      grown((s) => s.inference_stats.fail.count),
      1,
    );
    assert.ok(grown((s) => s.inference_stats.compute_infer.ns) > 0);
    const ofTwo = (stats: typeof after) =>
      stats.batch_stats.find((each: { batch_size: number }) => each.batch_size === 2)?.compute_infer
        .count ?? 0;
    assert.equal(grown(ofTwo), 6);
    assert.ok(Math.abs(after.last_inference - Date.now()) < 60_000);
    const all = (await ask(httpPort, "/v2/models/stats")).json.model_stats;
    assert.ok(all.some((each: { name: string }) => each.name === "every"));
  });

  it("log settings change while it runs", async () => {
    const { httpPort } = server();
    const set = (body: object) =>
      ask(httpPort, "/v2/logging", { body: JSON.stringify(body), method: "POST" });
    assert.equal((await ask(httpPort, "/v2/logging")).json.log_info, true);
    const changed = await set({ log_info: false });
    assert.deepEqual([changed.json.log_info, changed.json.log_warning], [false, true]);
    const said = server().stderr.length;
    await ask(httpPort, "/v2/repository/models/rows/unload", { body: "" });
    await ask(httpPort, "/v2/repository/models/rows/load", { body: "" });
    assert.equal(server().stderr.slice(said), "");
    await set({ log_info: true });
    assert.equal((await set({ log_file: "/x" })).status, 501);
    await ask(httpPort, "/v2/repository/models/rows/unload", { body: "" });
    assert.match(server().stderr.slice(said), /"model":"rows"/);
    await ask(httpPort, "/v2/repository/models/rows/load", { body: "" });
  });
}
