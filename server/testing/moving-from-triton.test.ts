import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { fileURLToPath } from "node:url";
import { killLeftRunning, startServe, until } from "./serve-process.ts";
import { scaleModel } from "./tiny-models.ts";

const PAGE = fileURLToPath(new URL("../../../deploy/docs/moving-from-triton.md", import.meta.url));

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-triton-"));
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

/** Blocks of the page in one language, in order. */
function blocksOf(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...readFileSync(PAGE, "utf8").matchAll(fence)].map((found) => found[1] as string);
}

it("the worked example of moving-from-triton.md, and a version copied in later", async () => {
  const [config] = blocksOf("pbtxt") as [string];
  const [request, answer] = blocksOf("json").map((text) => JSON.parse(text)) as [object, object];
  const [note] = blocksOf("text").map((text) => text.trim());
  const models = join(root, "models");
  const put = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(join(models, path, ".."), { recursive: true });
    writeFileSync(join(models, path), bytes);
  };
  put("double/config.pbtxt", config);
  put("double/1/model.onnx", scaleModel(5));
  put("double/2/model.onnx", scaleModel(2));
  put("foreign/config.pbtxt", 'platform: "tensorrt_plan"');
  put("foreign/1/model.plan", "not ours");
  const args = ["--model-repository", models, "--repository-poll-secs", "0.2"];
  const server = await startServe(join(root, "home"), args);
  await server.whenState("double", 2, "ready");
  await server.whenState("double", 1, "ready");
  const infer = async (path: string) => {
    const options = { method: "POST", body: JSON.stringify(request) };
    const response = await fetch(`${server.httpUrl}/v2/models/${path}/infer`, options);
    return (await response.json()) as { outputs: { data: number[] }[] };
  };
  const { id, ...told } = (await infer("double")) as unknown as Record<string, unknown>;
  assert.deepEqual(withoutParameters(told), answer, String(id));
  assert.deepEqual((await infer("double/versions/1")).outputs[0]?.data, [5, 10, 15, 20]);

  const index = await (
    await fetch(`${server.httpUrl}/v2/repository/index`, { method: "POST" })
  ).json();
  const rows = index as { name: string; version?: string; state: string; reason?: string }[];
  const double = rows.find(({ name, version }) => name === "double" && version === "2");
  assert.deepEqual([double?.state, double?.reason], ["READY", note]);
  const foreign = rows.find(({ name }) => name === "foreign");
  assert.match(foreign?.reason ?? "", /config\.pbtxt: platform 'tensorrt_plan' is not served/);

  put("double/3/model.onnx", scaleModel(7));
  await server.whenState("double", 3, "ready");
  await until(
    "the highest version is served",
    async () => (await infer("double")).outputs[0]?.data[0] === 7,
  );
  await server.whenState("double", 1, "unloaded");
  // Gone, or not mounted any more: what serves goes on.
  rmSync(models, { recursive: true });
  mkdirSync(models);
  await server.whenSaid(/holds no model, and did before/);
  assert.equal((await infer("double")).outputs[0]?.data[0], 7);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
});

/** Timings and ids of the request, which differ each time. */
function withoutParameters(answer: Readonly<Record<string, unknown>>): object {
  const { parameters: _, ...rest } = answer;
  return rest;
}
