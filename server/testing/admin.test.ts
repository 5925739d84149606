import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey } from "../access/key-record.ts";
import { ROLES } from "../access/principal.ts";
import { ask } from "../transport/testing/clients.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { startScenario } from "./scenario-server.ts";
import { badOpModel, scaleModel } from "./tiny-models.ts";

const CALLS = [
  ["GET", "/v1/status"],
  ["GET", "/v1/models"],
  ["GET", "/v1/models/scale"],
  ["GET", "/v1/models/scale/explain"],
  ["GET", "/v1/events"],
  ["GET", "/v1/events/stream"],
  ["GET", "/v1/config"],
  ["POST", "/v1/poll"],
] as const;

/** Reads server-sent events until `count` have come. */
async function readEvents(port: number, lastId: number, count: number): Promise<string[]> {
  const abort = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/v1/events/stream`, {
    headers: { "last-event-id": String(lastId) },
    signal: abort.signal,
  });
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.ok(answer.body !== null);
  let text = "";
  const seen = () => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => data);
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (seen().length >= count) break;
  }
  abort.abort();
  return seen();
}

describe("the admin port", () => {
  it("tells states, reasons, aliases, memory, events and settings", async () => {
    const server = await startScenario({
      repositoryPollSecs: "3600",
      redisUrl: "redis://:hunter2@127.0.0.1:1/0",
    });
    try {
      const { adminPort } = server.endpoints;
      const store = openStore(server.repository);
      await publishTiny(store, "scale", scaleModel(2));
      assert.equal((await ask(adminPort, "/v1/poll", { method: "POST" })).status, 200);
      await server.whenState("scale", 1, "ready");
      await publishTiny(store, "scale", badOpModel(), { alias: "next" });
      const events = readEvents(adminPort, 0, 9);
      assert.equal((await ask(adminPort, "/v1/poll", { method: "POST" })).status, 200);
      await server.whenState("scale", 2, "failed");

      const { json: model } = await ask(adminPort, "/v1/models/scale");
      assert.deepEqual(model["aliases"], {
        champion: { wanted: 1, leadsTo: 1 },
        next: { wanted: 2, leadsTo: null },
      });
      const [first, second] = model["versions"] as Record<string, unknown>[];
      assert.equal(first?.["state"], "ready");
      assert.ok(Number(first?.["costBytes"]) > 0);
      assert.ok(Date.parse(String(first?.["since"])) <= Date.now());
      assert.equal(second?.["state"], "failed");
      assert.match(String(second?.["reason"]), /operator/);
      assert.equal(second?.["retryAt"], null);

      const told = (await events).map((data) => JSON.parse(data) as Record<string, unknown>);
      assert.deepEqual(
        told.slice(0, 6).map(({ version, to }) => `${version} ${to}`),
        ["downloading", "verified", "vetting", "loading", "warming", "ready"].map((s) => `1 ${s}`),
      );
      const { json: later } = await ask(adminPort, "/v1/events?after=6");
      assert.equal((later["events"] as { id: number }[])[0]?.id, 7);

      const { json: config } = await ask(adminPort, "/v1/config");
      const settings = config["settings"] as { key: string; value: unknown; from: string }[];
      const poll = settings.find(({ key }) => key === "repositoryPollSecs");
      assert.deepEqual(poll, {
        key: "repositoryPollSecs",
        value: 3600,
        from: "--repository-poll-secs",
      });
      assert.doesNotMatch(JSON.stringify(config), /hunter2/);

      const { json: status } = await ask(adminPort, "/v1/status");
      assert.equal(status["isReady"], true);
    } finally {
      await server.stop();
    }
  });

  it("refuses what it does not know, and who is not local", async () => {
    const server = await startScenario();
    try {
      const { adminPort } = server.endpoints;
      const codeOf = async (path: string, rest: object = {}) =>
        (await ask(adminPort, path, rest)).json["code"];
      assert.equal(await codeOf("/v1/none"), "route-not-found");
      assert.equal(await codeOf("/v1/poll", { method: "GET" }), "method-not-allowed");
      assert.equal(await codeOf("/v1/models/none"), "model-not-found");
      assert.equal(await codeOf("/v1/events?after=x"), "invalid-argument");
      for (const headers of [{ host: "evil.example" }, { origin: "https://evil.example" }]) {
        assert.equal(await codeOf("/v1/status", { headers }), "permission-denied");
      }
    } finally {
      await server.stop();
    }
  });

  it("is for keys with role admin, where there are keys", async () => {
    const home = mkdtempSync(join(tmpdir(), "sluice-admin-"));
    const minted = ROLES.map((role) => {
      const wanted = { name: role, role, models: ["*"], expiresAt: null };
      return { role, ...createKey(wanted, new Date()) };
    });
    await updateKeyFile(keyFilePath(home), () => minted.map(({ record }) => record));
    const server = await startScenario({}, { home });
    try {
      const { adminPort } = server.endpoints;
      for (const [method, path] of CALLS) {
        const unknown = await ask(adminPort, path, { method });
        assert.equal(unknown.json["code"], "unauthenticated", path);
        for (const { role, text } of minted) {
          if (role === "admin" && path.endsWith("/stream")) continue;
          const headers = { authorization: `Bearer ${text}` };
          const { json } = await ask(adminPort, path, { method, headers });
          const isRefused = json["code"] === "permission-denied";
          assert.equal(isRefused, role !== "admin", `${role} ${path}`);
        }
      }
    } finally {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
