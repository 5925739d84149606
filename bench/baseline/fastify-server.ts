import { parseArgs } from "node:util";
import fastify, { type FastifyInstance } from "fastify";
import { InferenceSession } from "onnxruntime-node";
import { type JsonTensor, jsonToOrt, ortToJson } from "./oip-tensors.ts";

/**
 * The plain baseline: fastify and onnxruntime-node in one process, with the options that their
 * documentation shows. It answers the same JSON route with the same checks a careful user would
 * write (none beyond what the runtime itself refuses). Prints `{"port":N}` once it listens.
 *
 * node fastify-server.js --model-file FILE --port N [--intra-op-threads N]
 */

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

interface InferBody {
  readonly id?: string;
  readonly inputs: readonly JsonTensor[];
}

interface ModelParams {
  readonly model: string;
}

function createServer(session: InferenceSession): FastifyInstance {
  const server = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES });
  server.get("/v2/health/ready", async () => ({ ready: true }));
  server.post<{ Params: ModelParams; Body: InferBody }>(
    "/v2/models/:model/infer",
    async (request) => {
      const feeds = Object.fromEntries(
        request.body.inputs.map((input) => [input.name, jsonToOrt(input)]),
      );
      const results = await session.run(feeds);
      return {
        model_name: request.params.model,
        model_version: "1",
        ...(request.body.id !== undefined && { id: request.body.id }),
        outputs: session.outputNames.map((name) => {
          const tensor = results[name];
          if (tensor === undefined) throw new Error(`the model gave no output '${name}'`);
          return ortToJson(name, tensor);
        }),
      };
    },
  );
  return server;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      "model-file": { type: "string" },
      port: { type: "string", default: "0" },
      "intra-op-threads": { type: "string" },
    },
  });
  const threads = values["intra-op-threads"];
  const session = await InferenceSession.create(
    values["model-file"] ?? "model.onnx",
    threads === undefined ? {} : { intraOpNumThreads: Number(threads) },
  );
  const server = createServer(session);
  await server.listen({ host: "127.0.0.1", port: Number(values.port) });
  const [address] = server.addresses();
  process.stdout.write(`${JSON.stringify({ port: address?.port ?? 0 })}\n`);
  process.once("SIGTERM", () => process.exit(0));
}

main().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
});
