import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey } from "../access/key-record.ts";
import { createRawClient, type RawClient } from "../transport/grpc/testing/raw-client.ts";
import { ask, RawClient as HeadClient } from "../transport/testing/clients.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { identityModel } from "./tiny-models.ts";

const WANTED = { name: "test", role: "infer", models: ["*"], expiresAt: null } as const;
const BODY = JSON.stringify({
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] }],
});
/** A token in a quarter of an hour: none comes back during the test. */
const RARE = { ratePerSec: 1 / 900, burst: 4 };

describe("a key's quota, on the real server", () => {
  const limited = createKey(WANTED, new Date(), RARE);
  const free = createKey(WANTED, new Date());
  let server: ScenarioServer;
  let raw: RawClient;
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-quota-"));
    await updateKeyFile(keyFilePath(home), () => [limited.record, free.record]);
    await publishTiny(openStore(join(home, "models")), "echo", identityModel("FP32"));
    server = await startScenario({ threads: "2" }, { home });
    await server.whenState("echo", 1, "ready");
    raw = await createRawClient(server.endpoints.grpcPort);
  });
  after(async () => {
    raw.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const infer = (text: string) =>
    ask(server.endpoints.httpPort, "/v2/models/echo/infer", {
      body: BODY,
      headers: { "x-api-key": text },
    });

  it("holds over threads and protocols, says so, and is no other key's", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => infer(limited.text)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
    const { headers, json } = answers.find(({ status }) => status === 429) ?? (await infer("x"));
    assert.equal(json.code, "quota-exceeded");
    assert.deepEqual(json.details, { rate_per_sec: RARE.ratePerSec, burst: 4 });
    const waitSecs = Number(headers["retry-after"]);
    assert.ok(waitSecs > 800 && waitSecs <= 900, `${waitSecs} s`);
    assert.equal(headers["ratelimit-policy"], '"key";q=4;w=3600');
    assert.equal(headers["ratelimit"], `"key";r=0;t=${waitSecs}`);

    // Of a spent key not even the body is waited for.
    const head = new HeadClient(server.endpoints.httpPort);
    const key = `x-api-key: ${limited.text}`;
    head.write(
      `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n${key}\r\nContent-Length: 9\r\n\r\n`,
    );
    assert.match((await head.answers(1))[0] ?? "", /^HTTP\/1\.1 429 .*quota-exceeded/s);
    head.destroy();

    const contents = { fp32_contents: [1, 2, 3] };
    const inputs = [{ name: "x", datatype: "FP32", shape: ["1", "3"], contents }];
    const metadata = { "x-api-key": limited.text };
    const call = await raw.call("ModelInfer", { model_name: "echo", inputs }, { metadata });
    assert.equal(call.error?.code, 8);
    assert.deepEqual(call.trailers.get("sluice-code"), ["quota-exceeded"]);
    assert.ok(Number(call.trailers.get("grpc-retry-pushback-ms")[0]) > 800_000);

    for (let i = 0; i < 10; i += 1) assert.equal((await infer(free.text)).status, 200);
  });
});
