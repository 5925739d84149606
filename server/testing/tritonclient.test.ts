import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { DATATYPES } from "../../protocols/core/datatype.ts";
import { keyFilePath, updateKeyFile } from "../access/key-file.ts";
import { createKey } from "../access/key-record.ts";
import { openStore, publishTiny } from "./publish-tiny.ts";
import { type ScenarioServer, startScenario } from "./scenario-server.ts";
import { needs, pythonPath } from "./skip.ts";
import { REPOSITORY_ROOT } from "./test-files.ts";
import { identityModel } from "./tiny-models.ts";

const run = promisify(execFile);
const SCRIPT = join(REPOSITORY_ROOT, "server/testing/python/tritonclient_check.py");
const TIMEOUT_MS = 120_000;

/** The engine does not run BF16, and numpy has none. */
const MODELS = DATATYPES.filter((datatype) => datatype !== "BF16").map((datatype) => ({
  datatype,
  name: `identity-${datatype.toLowerCase()}`,
}));
const STEERED = "steered";

describe("the official Python client, over HTTP and gRPC", needs("python"), () => {
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-triton-"));
    const store = openStore(join(home, "models"));
    for (const { datatype, name } of MODELS)
      await publishTiny(store, name, identityModel(datatype));
    await publishTiny(store, STEERED, identityModel("FP32"));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it("is served without keys", async () => {
    await withServer(home, (server) => expectAllPassed(server, []));
  });

  it("is served with an API key, and refused without it", async () => {
    const wanted = { name: "triton", role: "admin", models: ["*"], expiresAt: null } as const;
    const { record, text } = createKey(wanted, new Date());
    await updateKeyFile(keyFilePath(home), () => [record]);
    await withServer(home, async (server) => {
      await expectAllPassed(server, ["--api-key", text]);
      const refused = await check(server, []).then(
        () => null,
        (thrown: { code: number; stderr: string }) => thrown,
      );
      assert.equal(refused?.code, 1);
      assert.match(
        refused.stderr,
        /^FAIL http: health: .*is_model_ready .*expected True, got False/,
      );
    });
  });
});

/** Explicit mode, so that the client may load and unload. */
async function withServer(
  home: string,
  use: (server: ScenarioServer) => Promise<void>,
): Promise<void> {
  const loadModel = [...MODELS.map(({ name }) => name), STEERED];
  const server = await startScenario({ modelControlMode: "explicit", loadModel }, { home });
  try {
    for (const name of loadModel) await server.whenState(name, 1, "ready");
    await use(server);
  } finally {
    await server.stop();
  }
}

async function expectAllPassed(server: ScenarioServer, extra: readonly string[]): Promise<void> {
  const { stdout } = await check(server, extra);
  const last = stdout.trimEnd().split("\n").at(-1);
  const datatypes = MODELS.map(({ datatype }) => datatype).join(", ");
  assert.equal(last, `all 30 checks passed with ${datatypes}`);
}

function check({ endpoints }: ScenarioServer, extra: readonly string[]) {
  const args = [
    SCRIPT,
    ...["--http", `127.0.0.1:${endpoints.httpPort}`, "--grpc", `127.0.0.1:${endpoints.grpcPort}`],
    ...MODELS.flatMap(({ datatype, name }) => ["--model", `${datatype}=${name}`]),
    ...["--steer", STEERED],
    ...extra,
  ];
  // Without this process's environment: gRPC would send loopback calls to a proxy named there.
  const env = { PATH: process.env["PATH"] ?? "" };
  return run(pythonPath(), args, { env, timeout: TIMEOUT_MS });
}
