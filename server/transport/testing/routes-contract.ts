import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { ask, inferBody, RawClient, until } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";
import { ROUTES, type RouteEntry, VERBS } from "./route-table.ts";

/** Routes, answers and errors. */
export function routesContract(rig: Rig): void {
  describe("routes", () => {
    test("every route x verb: served, or 405 naming the one allowed", () =>
      serve(rig, {}, async ({ port }) => {
        for (const entry of ROUTES) {
          for (const verb of VERBS) await expectVerb(port, entry, verb);
        }
      }));

    test("health, metadata and index say what the protocol says", () =>
      serve(rig, {}, async ({ port, context }) => {
        assert.deepEqual((await ask(port, "/v2/health/live")).json, { live: true });
        assert.deepEqual((await ask(port, "/v2/health/ready")).json, { ready: true });
        context.isReadyNow = false;
        const notReady = await ask(port, "/v2/health/ready");
        assert.equal(notReady.status, 503);
        assert.deepEqual(notReady.json, { ready: false });
        const server = (await ask(port, "/v2?a=b")).json;
        assert.equal(server.name, "sluice");
        assert.ok(server.extensions.includes("binary_tensor_data"));
        const model = (await ask(port, "/v2/models/double")).json;
        assert.deepEqual(model, {
          name: "double",
          versions: ["1", "2"],
          platform: "onnx_onnxv1",
          inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
          outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
        });
        const ready = await ask(port, "/v2/models/double/versions/previous/ready");
        assert.deepEqual(ready.json, { name: "double", ready: true });
        const unready = await ask(port, "/v2/models/unready/ready");
        assert.equal(unready.status, 503);
        assert.deepEqual(unready.json, { name: "unready", ready: false });
        const all = (await ask(port, "/v2/repository/index", { body: "" })).json;
        assert.ok(all.some((e: { name: string; state: string }) => e.state === "UNAVAILABLE"));
        const some = (await ask(port, "/v2/repository/index", { body: '{"ready":true}' })).json;
        assert.equal(some.length, all.length - 1);
      }));

    test("load and unload reach the control thread and answer empty", () =>
      serve(rig, {}, async ({ port, context }) => {
        const load = await ask(port, "/v2/repository/models/double/load", { body: "{}" });
        assert.equal(load.status, 200);
        assert.equal(load.bytes.byteLength, 0);
        const unload = await ask(port, "/v2/repository/models/double/unload", {
          body: '{"parameters":{"unload_dependents":true}}',
        });
        assert.equal(unload.status, 200);
        assert.deepEqual(context.steered, [
          "load double by anonymous",
          "unload double by anonymous",
        ]);
        const config = await ask(port, "/v2/repository/models/double/load", {
          body: '{"parameters":{"config":"{}"}}',
        });
        assert.equal(config.status, 501);
        assert.match(config.json.error, /"config"/);
        const unknown = await ask(port, "/v2/repository/models/unknown/load", { body: "" });
        assert.equal(unknown.json.code, "model-not-found");
      }));

    test("infer by champion, version and alias; the answer names the version that computed it", () =>
      serve(rig, {}, async ({ port }) => {
        const body = inferBody([1, 2.5], { id: "a1" });
        const expected = {
          "/v2/models/double/infer": "2",
          "/v2/models/double/versions/1/infer": "1",
          "/v2/models/double/versions/previous/infer": "1",
          "/v2/models/d%6Fuble/infer": "2",
        };
        for (const [path, version] of Object.entries(expected)) {
          const { status, json } = await ask(port, path, { body });
          assert.equal(status, 200, path);
          assert.equal(json.model_version, version);
          assert.equal(json.id, "a1");
          assert.deepEqual(json.outputs[0].data, [2, 5]);
        }
      }));

    test("every prediction has a name: in the body, in a header, and the caller's own", () =>
      serve(rig, {}, async ({ port }) => {
        const path = "/v2/models/double/infer";
        const minted = await ask(port, path, { body: inferBody([1]) });
        const id = minted.json.parameters.inference_id;
        assert.match(id, /^[A-Za-z0-9_-]{16}\.[0-9a-z]+$/);
        assert.equal(minted.headers["sluice-inference-id"], id);
        const parameters = { inference_id: "event:1" };
        const own = await ask(port, path, { body: inferBody([1], { parameters }) });
        assert.equal(own.headers["sluice-inference-id"], "event:1");
        const bad = { parameters: { inference_id: "a b" } };
        const refused = await ask(port, path, { body: inferBody([1], bad) });
        assert.equal(refused.json.code, "invalid-argument");
      }));

    test("priority and timeout are parameters; the earlier of timeout and header counts", () =>
      serve(rig, {}, async ({ port }) => {
        const path = "/v2/models/deadline/infer";
        const schedule = async (parameters: object, timeoutMs: string) => {
          const body = inferBody([1], { parameters });
          const headers = { "x-request-timeout-ms": timeoutMs };
          const { json } = await ask(port, path, { body, headers });
          return json.outputs[0].data as [number, number];
        };
        const [byTimeout, urgent] = await schedule({ priority: 1, timeout: 30_000_000 }, "90000");
        assert.ok(byTimeout > 0 && byTimeout <= 30_000, `${byTimeout} ms`);
        assert.equal(urgent, 1);
        const [byHeader, usual] = await schedule({ priority: 0, timeout: 90_000_000 }, "30000");
        assert.ok(byHeader > 0 && byHeader <= 30_000, `${byHeader} ms`);
        assert.equal(usual, 2);
        const bad = inferBody([1], { parameters: { priority: "high" } });
        const refused = await ask(port, path, { body: bad });
        assert.deepEqual([refused.status, refused.json.code], [400, "invalid-argument"]);
      }));

    test("what a client asked for who went away is cancelled, not its neighbour's", () =>
      serve(rig, {}, async ({ port, context }) => {
        const { gate } = context.models;
        const path = "/v2/models/slow/infer";
        const body = inferBody([1]);
        const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: ${body.length}\r\n\r\n`;
        const kept = ask(port, path, { body });
        await until("a run", () => gate.waiting === 1);
        const socket = connect(port, "127.0.0.1");
        socket.write(head + body);
        await until("two runs", () => gate.waiting === 2);
        socket.destroy();
        await until("one lease", () => context.models.leases() === 1);
        assert.deepEqual(context.outcomes, ["cancelled"]);
        gate.openAll();
        assert.equal((await kept).status, 200);
        assert.deepEqual([context.models.leases(), context.pipeline.bytes.usedBytes], [0, 0]);
      }));

    test("labels are handed on whole, or refused whole", () =>
      serve(rig, {}, async ({ port, context }) => {
        const path = "/v2/models/double/labels";
        const body =
          '{"labels":[{"inference_id":"a","label":1},{"inference_id":"b","row":2,"label":"x"}]}';
        const reply = await ask(port, path, { body });
        assert.deepEqual([reply.status, reply.json], [200, { accepted: 2 }]);
        const told = context.labels.map(({ atMs: _, ...label }) => label);
        assert.deepEqual(told, [
          { kind: "label", model: "double", inferenceId: "a", row: 0, label: 1 },
          { kind: "label", model: "double", inferenceId: "b", row: 2, label: "x" },
        ]);
        const half = '{"labels":[{"inference_id":"a","label":1},{"inference_id":"b"}]}';
        assert.equal((await ask(port, path, { body: half })).status, 400);
        const unknown = await ask(port, "/v2/models/nobody/labels", { body });
        assert.equal(unknown.json.code, "model-not-found");
        const versioned = await ask(port, "/v2/models/double/versions/1/labels", { body });
        assert.equal(versioned.json.code, "route-not-found");
        context.isDrainingNow = true;
        assert.equal((await ask(port, path, { body })).json.code, "draining");
        assert.equal(context.labels.length, 2);
      }));

    test("binary tensors both ways, with Inference-Header-Content-Length", () =>
      serve(rig, {}, async ({ port }) => {
        const values = new Float32Array([1, 2, 3]);
        const head = Buffer.from(
          JSON.stringify({
            parameters: { binary_data_output: true },
            inputs: [
              { name: "x", shape: [3], datatype: "FP32", parameters: { binary_data_size: 12 } },
            ],
          }),
        );
        const reply = await ask(port, "/v2/models/double/infer", {
          body: Buffer.concat([head, Buffer.from(values.buffer)]),
          headers: { "inference-header-content-length": String(head.byteLength) },
        });
        assert.equal(reply.status, 200);
        assert.equal(reply.headers["content-type"], "application/octet-stream");
        const jsonBytes = Number(reply.headers["inference-header-content-length"]);
        const tail = reply.bytes.slice(jsonBytes);
        assert.deepEqual([...new Float32Array(tail.buffer, tail.byteOffset, 3)], [2, 4, 6]);
      }));

    test("every failure has its status, its code and the request id", () =>
      serve(rig, {}, async ({ port, context }) => {
        const body = inferBody([1]);
        const cases: readonly [string, string, number, string][] = [
          ["/v3", "", 404, "route-not-found"],
          ["/v2/", "", 404, "route-not-found"],
          ["/v2/models", "", 404, "route-not-found"],
          ["/v2/models/double/infer/more", body, 404, "route-not-found"],
          ["/v2/models/%2e%2e/infer", body, 400, "invalid-argument"],
          ["/v2/models/a%00b/infer", body, 400, "invalid-argument"],
          ["/v2/models/a%2Fb/infer", body, 400, "invalid-argument"],
          ["/v2/models/%zz/infer", body, 400, "invalid-argument"],
          ["/v2/models/double%2570/infer", body, 400, "invalid-argument"],
          ["/v2/models/double/versions/0/infer", body, 400, "invalid-argument"],
          ["/v2/models/nobody/infer", body, 404, "model-not-found"],
          ["/v2/models/double/versions/9/infer", body, 404, "version-not-found"],
          ["/v2/models/unready/infer", body, 503, "model-not-ready"],
          ["/v2/models/refusing/infer", body, 503, "unavailable"],
          ["/v2/models/double/infer", "{", 400, "invalid-argument"],
          ["/v2/models/double/infer", "", 400, "invalid-argument"],
          ["/v2/models/failing/infer", body, 500, "internal"],
        ];
        for (const [path, text, status, code] of cases) {
          const reply = await ask(port, path, { method: "POST", body: text });
          assert.equal(reply.json?.code, code, path);
          assert.equal(reply.status, status, path);
          assert.equal(reply.json.request_id, reply.headers["x-request-id"], path);
          assert.ok(!reply.bytes.toString().includes("secret"), path);
        }
        assert.equal(context.logged.length, 1);
        assert.match(context.logged[0] ?? "", /secret of .*/);
      }));

    test("Retry-After in whole seconds, at least one", () =>
      serve(rig, {}, async ({ port }) => {
        const refusing = await ask(port, "/v2/models/refusing/infer", { body: inferBody([1]) });
        assert.equal(refusing.headers["retry-after"], "3");
        const unready = await ask(port, "/v2/models/unready/infer", { body: inferBody([1]) });
        assert.equal(unready.headers["retry-after"], "1");
        assert.equal((await ask(port, "/v3")).headers["retry-after"], undefined);
      }));

    test("x-request-id: the client's where it is safe, else a fresh one", () =>
      serve(rig, {}, async ({ port }) => {
        const id = async (sent: string) =>
          (await ask(port, "/v2", { headers: { "x-request-id": sent } })).headers["x-request-id"];
        assert.equal(await id("abc.DEF_1-2"), "abc.DEF_1-2");
        const minted = [await id("has space"), await id("x".repeat(129)), await id('quo"te')];
        assert.equal(new Set(minted).size, 3);
        for (const each of minted) assert.match(String(each), /^[0-9a-f]{12}-[0-9a-z]+$/);
      }));

    test("x-request-timeout-ms sets the deadline and must be a positive whole number", () =>
      serve(rig, {}, async ({ port }) => {
        for (const bad of ["0", "-1", "1.5", "soon", ""]) {
          const reply = await ask(port, "/v2/models/double/infer", {
            body: inferBody([1]),
            headers: { "x-request-timeout-ms": bad },
          });
          assert.equal(reply.status, 400, bad);
        }
        const reply = await ask(port, "/v2/models/deadline/infer", {
          body: inferBody([1]),
          headers: { "x-request-timeout-ms": "60000" },
        });
        const leftMs = reply.json.outputs[0].data[0];
        assert.ok(leftMs > 50_000 && leftMs <= 60_000, `${leftMs}`);
      }));

    test("keep-alive: one connection serves many requests in order", () =>
      serve(rig, {}, async ({ port }) => {
        const client = new RawClient(port);
        for (let i = 1; i <= 5; i += 1) {
          const body = inferBody([i]);
          client.write(
            `POST /v2/models/double/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          );
          const answers = await client.answers(i);
          assert.match(answers[i - 1] ?? "", new RegExp(`"data":\\[${2 * i}\\]`));
        }
        client.destroy();
      }));

    test("pipelined requests never get each other's answer", () =>
      serve(rig, {}, async ({ port, context }) => {
        const client = new RawClient(port);
        const request = (model: string, value: number) => {
          const body = inferBody([value]);
          return `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        };
        client.write(request("slow", 7) + request("double", 8) + request("double", 9));
        await until(
          "the slow run or the cut",
          () => client.isClosed || context.models.gate.waiting === 1,
        );
        context.models.gate.openAll();
        if (rig.canPipeline) {
          const answers = await client.answers(3);
          const data = answers.map((answer) => /"data":\[(\d+)\]/.exec(answer)?.[1]);
          assert.deepEqual(data, ["7", "16", "18"]);
        } else {
          await until("the cut", () => client.isClosed);
          assert.ok(!client.text.includes("16"), client.text);
        }
        client.destroy();
      }));

    test("a request that offers another protocol is served as if it had not", () =>
      serve(rig, {}, async ({ port }) => {
        const client = new RawClient(port);
        const body = inferBody([4]);
        client.write(
          `POST /v2/models/double/infer HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        const [answer] = await client.answers(1);
        assert.match(answer ?? "", /^HTTP\/1\.1 200 .*"data":\[8\]/s);
        client.destroy();
      }));
  });
}

async function expectVerb(port: number, entry: RouteEntry, verb: string): Promise<void> {
  const isBare = verb === "GET" || verb === "HEAD";
  const ofVerb = isBare ? { method: verb } : { method: verb, body: entry.body ?? "" };
  const reply = await ask(port, entry.path, ofVerb);
  const what = `${verb} ${entry.path}`;
  if (verb === entry.method) {
    assert.equal(reply.status, entry.status, what);
    return;
  }
  const methods = ROUTES.filter(({ path }) => path === entry.path).map(({ method }) => method);
  if (methods.some((method) => method === verb)) return;
  assert.equal(reply.status, 405, what);
  assert.equal(reply.headers["allow"], methods.join(", "), what);
  assert.equal(reply.json?.code ?? verb, verb === "HEAD" ? "HEAD" : "method-not-allowed", what);
}
