import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, StreamClient, until } from "./clients.ts";
import { type Rig, serve } from "./rig.ts";

/** WebSocket: many requests in flight over one connection. */
export function streamContract(rig: Rig): void {
  describe("streams", () => {
    test("answers by id, over a model's URL and over /v2/stream", () =>
      serve(rig, {}, async ({ port }) => {
        const bound = await new StreamClient(port, "/v2/models/double/versions/1/stream").settled();
        bound.infer("a", [1, 2]);
        const [answer] = await bound.waitFrames(1);
        assert.equal(answer.id, "a");
        assert.equal(answer.model_version, "1");
        assert.deepEqual(answer.outputs[0].data, [2, 4]);
        assert.match(String(bound.upgradeHeaders["x-request-id"]), /./);
        bound.ws.terminate();
        const free = await new StreamClient(port, "/v2/stream").settled();
        free.infer("b", [3], { model_name: "echo" });
        free.infer("c", [4], { model_name: "double", model_version: "previous" });
        const frames = await free.waitFrames(2);
        assert.deepEqual(
          frames.map((frame) => [frame.id, frame.model_name, frame.model_version]),
          [
            ["b", "echo", "1"],
            ["c", "double", "1"],
          ],
        );
        free.ws.terminate();
      }));

    test("a frame has priority and timeout as any request has", () =>
      serve(rig, {}, async ({ port }) => {
        const client = await new StreamClient(port, "/v2/models/deadline/stream").settled();
        client.infer("a", [1], { parameters: { priority: 3, timeout: 30_000_000 } });
        const [frame] = await client.waitFrames(1);
        const [leftMs, priority] = frame.outputs[0].data;
        assert.ok(leftMs > 0 && leftMs <= 30_000, `${leftMs} ms`);
        assert.equal(priority, 3);
        client.ws.terminate();
      }));

    test("many in flight are answered as they finish", () =>
      serve(rig, {}, async ({ port, context }) => {
        const { gate } = context.models;
        const client = await new StreamClient(port, "/v2/models/slow/stream").settled();
        for (const id of ["a", "b", "c", "d"]) client.infer(id, [1]);
        await until("four runs", () => gate.waiting === 4);
        gate.open(3);
        await client.waitFrames(1);
        gate.open(1);
        await client.waitFrames(2);
        client.infer("d", [2]);
        await until("d again", () => gate.waiting === 3);
        gate.openAll();
        const frames = await client.waitFrames(5);
        assert.deepEqual(
          frames.map((frame) => frame.id),
          ["d", "b", "a", "c", "d"],
        );
        client.ws.terminate();
      }));

    test("what a closed connection asked for is cancelled", () =>
      serve(rig, {}, async ({ port, context }) => {
        const { gate } = context.models;
        const client = await new StreamClient(port, "/v2/models/slow/stream").settled();
        client.infer("a", [1]);
        client.infer("b", [1]);
        await until("two runs", () => gate.waiting === 2);
        client.ws.terminate();
        await until("nothing held", () => context.models.leases() === 0);
        assert.deepEqual([gate.waiting, context.pipeline.bytes.usedBytes], [0, 0]);
        assert.deepEqual(context.outcomes, ["cancelled", "cancelled"]);
      }));

    test("bad frames are answered with error frames; the connection stays", () =>
      serve(rig, {}, async ({ port, context }) => {
        const client = await new StreamClient(port, "/v2/models/slow/stream").settled();
        const expectCode = async (id: string | null, code: string, text = /./) => {
          const before = client.frames.length;
          const frame = (await client.waitFrames(before + 1))[before];
          assert.equal(frame.id ?? null, id);
          assert.equal(frame.code, code);
          assert.match(frame.error, text);
        };
        client.ws.send("{");
        await expectCode(null, "invalid-argument");
        client.ws.send(Buffer.from([1, 2, 3]), { binary: true });
        await expectCode(null, "unsupported", /sluice\.json/);
        client.send({ id: "half", inputs: "no" });
        await expectCode("half", "invalid-argument");
        client.infer("x", [1], { model_name: "double" });
        await expectCode("x", "invalid-argument", /conflicts/);
        client.infer("same", [1]);
        await until("the run", () => context.models.gate.waiting === 1);
        client.infer("same", [2]);
        await expectCode("same", "invalid-argument", /in flight/);
        for (let i = 1; i < 8; i += 1) client.infer(`more${i}`, [1]);
        await until("eight runs", () => context.models.gate.waiting === 8);
        client.infer("ninth", [1]);
        await expectCode("ninth", "queue-full", /maxStreamInflight/);
        context.models.gate.openAll();
        assert.equal((await client.waitFrames(14)).length, 14);
        client.ws.terminate();
        const free = await new StreamClient(port, "/v2/stream").settled();
        free.infer("n", [1]);
        free.infer("u", [1], { model_name: "nobody" });
        free.infer("f", [1], { model_name: "failing" });
        const codes = (await free.waitFrames(3)).map((frame) => `${frame.id} ${frame.code}`);
        assert.deepEqual(codes.toSorted(), [
          "f internal",
          "n invalid-argument",
          "u model-not-found",
        ]);
        assert.ok(!JSON.stringify(free.frames).includes("secret"));
        assert.match(context.logged.join(), /secret/);
        free.ws.terminate();
      }));

    test("keys: in a header, or as a subprotocol that is never echoed; leave is asked per frame", () =>
      serve(rig, { needsKey: true }, async ({ port, context }) => {
        const protocols = ["sluice.json", "sluice.key.double-key"];
        const browser = await new StreamClient(port, "/v2/stream", {}, protocols).settled();
        assert.equal(browser.ws.protocol, "sluice.json");
        browser.infer("a", [1], { model_name: "double" });
        browser.infer("b", [1], { model_name: "echo" });
        const frames = await browser.waitFrames(2);
        const byId = new Map(frames.map((frame) => [frame.id, frame]));
        assert.deepEqual(byId.get("a").outputs[0].data, [2]);
        assert.equal(byId.get("b").code, "permission-denied");
        browser.ws.terminate();
        const bad = new StreamClient(port, "/v2/stream", {}, ["sluice.json", "sluice.key.nobody"]);
        assert.equal((await bad.settled()).refused?.status, 401);
        const reader = await new StreamClient(port, "/v2/stream", {
          "x-api-key": "read-key",
        }).settled();
        reader.infer("r", [1], { model_name: "double" });
        assert.equal((await reader.waitFrames(1))[0].code, "permission-denied");
        reader.ws.terminate();
        const doomed = await new StreamClient(port, "/v2/models/double/stream", {
          "x-api-key": "infer-key",
        }).settled();
        context.revoked.add("infer-key");
        doomed.infer("d", [1]);
        assert.equal((await doomed.waitFrames(1))[0].code, "unauthenticated");
        doomed.ws.terminate();
      }));

    test("upgrades to what is no stream or no model are refused as JSON", () =>
      serve(rig, {}, async ({ port, context }) => {
        const refusal = async (path: string) =>
          (await new StreamClient(port, path).settled()).refused;
        assert.equal((await refusal("/v2"))?.json.code, "invalid-argument");
        assert.equal((await refusal("/nowhere"))?.json.code, "route-not-found");
        const missing = await refusal("/v2/models/nobody/stream");
        assert.equal(missing?.status, 404);
        assert.equal(missing?.json.request_id, missing?.headers["x-request-id"]);
        context.isDrainingNow = true;
        assert.equal((await refusal("/v2/stream"))?.json.code, "draining");
      }));

    test("a frame over maxBodyBytes closes with 1009", () =>
      serve(rig, { maxBodyBytes: 10_000 }, async ({ port }) => {
        const client = await new StreamClient(port, "/v2/models/echo/stream").settled();
        client.ws.send("x".repeat(10_001));
        assert.equal((await client.waitClosed()).code, 1009);
        const far = await new StreamClient(port, "/v2/models/echo/stream").settled();
        far.ws.send("x".repeat(1_000_000));
        assert.ok([1009, 1006].includes((await far.waitClosed()).code));
      }));

    test("a client that does not read is closed with 1008 and costs a bounded backlog", () =>
      serve(rig, { maxStreamInflight: 1000 }, async ({ port, context }) => {
        const client = await new StreamClient(port, "/v2/models/huge/stream").settled();
        client.ws.pause();
        // 20 MB of answers, of which the kernel takes some before anything waits.
        for (let i = 0; i < 100; i += 1) client.infer(`h${i}`, [100_000]);
        await until("the frames to leave", () => client.ws.bufferedAmount === 0);
        await ask(port, "/v2/health/live");
        client.ws.resume();
        const closed = await client.waitClosed();
        assert.equal(closed.code, 1008);
        assert.match(closed.reason, /^slow reader: \d+ bytes/);
        assert.ok(client.frames.length < 100, `${client.frames.length} frames came`);
        await until("the bytes to come back", () => context.pipeline.bytes.usedBytes === 0);
      }));

    test("a client that goes away gives its bytes and leases back when its runs end", () =>
      serve(rig, {}, async ({ port, context }) => {
        const client = await new StreamClient(port, "/v2/models/slow/stream").settled();
        client.infer("a", [1]);
        client.infer("b", [1]);
        await until("two runs", () => context.models.gate.waiting === 2);
        assert.ok(context.pipeline.bytes.usedBytes > 0);
        client.ws.terminate();
        context.models.gate.openAll();
        await until("all to come back", () => context.pipeline.bytes.usedBytes === 0);
        assert.equal(context.models.leases(), 0);
      }));
  });
}
