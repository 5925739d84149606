import type { ServerProcess } from "./server-process.ts";

/** Commands to try against the running demo; `framePath` holds a request with one frame of speech. */
export function pasteLines(server: ServerProcess, model: string, framePath: string): string {
  const wsUrl = `${server.httpUrl.replace("http", "ws")}/v2/stream`;
  const script = (module: string, create: string) =>
    `node --input-type=module -e "import { readFileSync } from 'node:fs'; import { ${module.split(" ")[0]} } from './dist/protocols/client/${module.split(" ")[1]}'; import { oipRestCodec } from './dist/protocols/oip-rest/infer-codec.js'; import { DEFAULT_LIMITS } from './dist/protocols/core/limits.js'; const { inputs } = oipRestCodec.decode({ body: readFileSync('${framePath}'), jsonBytes: null }, DEFAULT_LIMITS); const client = await ${create}; const answer = await client.infer({ name: '${model}', version: null }, { inputs, outputs: ['output'] }); console.log(answer.modelVersion, answer.outputs[0].data); await client.close();"`;
  const options = "{ apiKey: null, timeoutMs: 5000 }";
  return [
    "Try it:",
    "  # HTTP",
    `  curl -s ${server.httpUrl}/v2/models/${model}/infer -d @${framePath}`,
    "  # gRPC",
    `  ${script("createGrpcClient grpc-client.js", `createGrpcClient('${server.grpcTarget}', ${options})`)}`,
    "  # WebSocket",
    `  ${script("createWebSocketClient websocket-client.js", `createWebSocketClient('${wsUrl}', ${options})`)}`,
    "  # what it does",
    `  curl -s ${server.httpUrl}/v2/models/${model}`,
    `  curl -s ${server.metricsUrl} | grep sluice_requests_total`,
  ].join("\n");
}
