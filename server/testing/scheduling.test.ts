import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "node:test";
import { ask } from "../transport/testing/clients.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { until } from "./serve-process.ts";
import { needs } from "./skip.ts";
import { slowModel } from "./tiny-models.ts";

const RUN_MS = 100;
const PATH = "/v2/models/slow/infer";
const body = (parameters: object = {}) =>
  JSON.stringify({
    parameters,
    inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }],
  });

/** Who waits, on the real server: a model that is slow, and one engine thread for it. */
describe("a slow model under load", needs("compiler"), () => {
  let server: ScenarioServer;
  let port = 0;
  before(async () => {
    const settings = { threads: "1", engine: "native", engineThreads: "1", maxQueueMs: "2000" };
    server = await startScenario({ ...settings, inlineBudgetUs: "0", maxBatchRows: "1" });
    await publishTiny(openStore(server.repository), "slow", slowModel(RUN_MS));
    await server.whenState("slow", 1, "ready");
    port = server.endpoints.httpPort;
  });
  after(async () => {
    await server.stop();
  });

  /** Summed over the lines of a metric that have the label. */
  const metric = async (name: string, label = ""): Promise<number> => {
    const { metricsPort } = server.endpoints;
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`));
    const values = lines
      .filter((line) => line.includes(label))
      .map((line) => line.split(" ").at(-1));
    return values.reduce((sum, value) => sum + Number(value), 0);
  };

  it("computes the urgent first, and the least urgent last", async () => {
    const order: number[] = [];
    const settle = async (priority: number) => {
      const { status } = await ask(port, PATH, { body: body({ priority }) });
      assert.equal(status, 200);
      order.push(priority);
    };
    const first = settle(2);
    await Promise.all([first, ...[5, 5, 2, 2, 1, 1].map(settle)]);
    const place = (priority: number) => order.lastIndexOf(priority);
    assert.ok(place(1) < place(2) && place(2) < place(5), order.join(" "));
  });

  it("drops what a client asked for who went away, and counts it", async () => {
    const runsBefore = await metric("sluice_batches_total");
    const kept = ask(port, PATH, { body: body() });
    const gone = Array.from({ length: 5 }, () => {
      const asked = request({ port, path: PATH, method: "POST" });
      asked.on("error", () => undefined);
      asked.end(body());
      return asked;
    });
    await until("all are in", async () => (await metric("sluice_requests_in_flight")) >= 6);
    for (const asked of gone) asked.destroy();
    await until(
      "all are counted",
      async () => (await metric("sluice_requests_total", 'code="cancelled"')) === 5,
    );
    assert.equal((await kept).status, 200);
    // One of them may have been in the engine already; then its run was ended.
    assert.ok((await metric("sluice_batches_total")) - runsBefore <= 2);
    assert.equal(await metric("sluice_requests_in_flight"), 0);
  });

  it("refuses at once what would wait longer than maxQueueMs, and says when to come back", async () => {
    const asked = Array.from({ length: 80 }, () => ask(port, PATH, { body: body() }));
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0 && refused.length < 80, `${refused.length} refused`);
    for (const { headers, json } of refused) {
      assert.equal(json.code, "queue-full");
      assert.match(json.error, /\(maxQueueMs\)$/);
      assert.ok(Number(headers["retry-after"]) >= 1);
    }
    assert.equal(answers.filter(({ status }) => status === 200).length, 80 - refused.length);
  });
});
