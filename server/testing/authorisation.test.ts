import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey } from "../access/key-record.ts";
import { type Action, ROLES, type Role } from "../access/principal.ts";
import { GRPC_METHODS } from "../transport/grpc/grpc-methods.ts";
import { createRawClient, type RawClient } from "../transport/grpc/testing/raw-client.ts";
import { ask, StreamClient } from "../transport/testing/clients.ts";
import { ROUTES } from "../transport/testing/route-table.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { identityModel } from "./tiny-models.ts";

/** Every role × glob × HTTP route, gRPC method and WebSocket frame, on the real server with real keys. */

const MODEL = "echo";
/** Whether each reaches the model. */
const GLOBS: Readonly<Record<string, boolean>> = {
  "*": true,
  "ec*": true,
  echo: true,
  "ech-*": false,
};

interface Key {
  readonly text: string | null;
  readonly role: Role | null;
  readonly reaches: boolean;
  readonly isForAll: boolean;
  readonly name: string;
}

type Verdict = "let in" | "unauthenticated" | "permission-denied";

function expected(key: Key, action: Action, model: string | null): Verdict {
  if (action === "probe") return "let in";
  if (key.role === null) return "unauthenticated";
  const isRoleEnough = ROLES.indexOf(key.role) >= ROLES.indexOf(action);
  // What concerns no one model is for keys of all models, but for reading: lists are filtered.
  const reaches = model === null ? action === "read" || key.isForAll : key.reaches;
  return isRoleEnough && reaches ? "let in" : "permission-denied";
}

/** What came, by its code: any answer but a refusal of the key means that it was let in. */
function verdictOf(code: unknown): Verdict {
  return code === "unauthenticated" || code === "permission-denied" ? code : "let in";
}

const MINTED = ROLES.flatMap((role) =>
  Object.entries(GLOBS).map(([glob, reaches]) => {
    const wanted = { name: "test", role, models: [glob], expiresAt: null };
    const { record, text } = createKey(wanted, new Date());
    return {
      record,
      key: { text, role, reaches, isForAll: glob === "*", name: `${role} on ${glob}` },
    };
  }),
);
const KEYS: readonly Key[] = [
  { text: null, role: null, reaches: false, isForAll: false, name: "no key" },
  ...MINTED.map(({ key }) => key),
];

describe("who may do what, on the real server", () => {
  let server: ScenarioServer;
  let raw: RawClient;
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-authorisation-"));
    await updateKeyFile(keyFilePath(home), () => MINTED.map(({ record }) => record));
    await publishTiny(openStore(join(home, "models")), MODEL, identityModel("FP32"));
    // Explicit mode: load and unload are let through to the end.
    const mode = { modelControlMode: "explicit", loadModel: [MODEL], threads: "1" };
    server = await startScenario(mode, { home });
    await server.whenState(MODEL, 1, "ready");
    raw = await createRawClient(server.endpoints.grpcPort);
  });
  after(async () => {
    raw.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  for (const key of KEYS) {
    const headers = key.text === null ? {} : { "x-api-key": key.text };

    it(`${key.name}: every HTTP route`, async () => {
      for (const { method, path, body, action, model } of ROUTES) {
        const sent = body === null ? { method, headers } : { method, headers, body };
        const { json, status } = await ask(server.endpoints.httpPort, path, sent);
        const want = expected(key, action, model);
        assert.equal(verdictOf(json?.code), want, `${method} ${path}: ${status}`);
      }
    });

    it(`${key.name}: every gRPC method`, async () => {
      for (const { path, action } of GRPC_METHODS) {
        const method = path.slice(path.lastIndexOf("/") + 1);
        const isOfModel = path.includes("Model");
        const request = { name: MODEL, model_name: MODEL };
        const sent = method === "Check" ? {} : request;
        const { trailers } = await raw.call(method, sent, { metadata: headers });
        const want = expected(key, action, isOfModel ? MODEL : null);
        assert.equal(verdictOf(trailers.get("sluice-code")[0]), want, path);
      }
    });

    it(`${key.name}: WebSocket upgrades and frames`, async () => {
      for (const [path, model] of [
        ["/v2/stream", null],
        [`/v2/models/${MODEL}/stream`, MODEL],
      ] as const) {
        const client = await new StreamClient(server.endpoints.httpPort, path, headers).settled();
        const want = expected(key, "read", model);
        assert.equal(verdictOf(client.refused?.json.code), want, path);
        if (want === "let in") await expectFrame(client, key, path);
        client.ws.terminate();
      }
    });
  }

  it("has a method of every action, so that none goes untested", () => {
    for (const methods of [GRPC_METHODS, ROUTES]) {
      const actions = new Set(methods.map(({ action }) => action));
      assert.deepEqual([...actions].sort(), ["admin", "infer", "probe", "read"]);
    }
  });
});

async function expectFrame(client: StreamClient, key: Key, path: string): Promise<void> {
  client.infer("1", [1, 2, 3], { model_name: MODEL });
  const [frame] = await client.waitFrames(1);
  assert.equal(verdictOf(frame.code), expected(key, "infer", MODEL), path);
}
