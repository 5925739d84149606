import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { loadNativeRuntime } from "../../engine/native-runtime.ts";
import { killLeftRunning, type ServeProcess, startServe } from "../serve-process.ts";
import { needs } from "../skip.ts";
import { publishConformanceModels } from "./conformance-models.ts";
import { refusalCases } from "./refusal-cases.ts";
import { surroundingCases } from "./surrounding-cases.ts";
import { tensorCases } from "./tensor-cases.ts";

const { reason } = loadNativeRuntime();
const ENGINES = {
  native: { skip: reason === null ? false : `the addon does not load: ${reason}` },
  portable: { skip: false },
} as const;
const TRANSPORTS = { uws: needs("uws"), node: { skip: false } } as const;

/** Open Inference Protocol v2 and Triton's extensions, through \`sluice serve\` with every transport and engine. */
describe("conformance", () => {
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-conformance-"));
    await publishConformanceModels(join(home, "models"));
  });
  after(async () => {
    await killLeftRunning();
    rmSync(home, { recursive: true, force: true });
  });

  for (const engine of ["native", "portable"] as const) {
    for (const transport of ["uws", "node"] as const) {
      const skip = ENGINES[engine].skip || TRANSPORTS[transport].skip;
      describe(`${engine} engine, ${transport} transport`, { skip }, () => {
        let server: ServeProcess | null = null;
        const running = () => server as ServeProcess;
        before(async () => {
          server = await start(home, engine, transport);
        });
        after(async () => {
          server?.kill("SIGTERM");
          await server?.ended;
        });
        tensorCases(running, () => engine === "native");
        refusalCases(running);
        surroundingCases(running);
      });
    }
  }
});

async function start(home: string, engine: string, transport: string): Promise<ServeProcess> {
  const models = ["every", "rows", "scalar", "bf16"];
  const flags = ["--engine", engine, "--http-transport", transport, "--threads", "2"];
  const server = await startServe(home, [
    ...flags,
    ...["--model-control-mode", "explicit", "--max-body-bytes", "262144"],
    ...models.flatMap((name) => ["--load-model", name]),
  ]);
  for (const name of models) {
    await server.whenState(name, 1, name === "bf16" && engine === "portable" ? "failed" : "ready");
  }
  return server;
}
