import { join, relative, resolve, sep } from "node:path";
import type { Endpoints } from "./up-process.ts";

export interface PasteContext {
  readonly endpoints: Endpoints;
  readonly model: string;
  /** NAME@N of what the pipelines made, and the outlet of its predictions. */
  readonly flightVersion: string;
  readonly outlet: string;
  readonly home: string;
  /** Holds a request with one frame of speech. */
  readonly framePath: string;
  /** Where the lines will be pasted. */
  readonly cwd: string;
}

const DEFAULT_GRPC = "127.0.0.1:8001";
const DEFAULT_HTTP = "http://127.0.0.1:8000";

/** Commands to try against the running demo, as short as its ports and home allow. */
export function pasteLines(context: PasteContext): string {
  const { endpoints, model, flightVersion, outlet, home, framePath, cwd } = context;
  const { httpUrl, grpcTarget, metricsUrl, pipelinesUrl } = endpoints;
  const frame = shortPath(framePath, cwd);
  const wsUrl = httpUrl.replace("http", "ws");
  const grpcAt = grpcTarget === DEFAULT_GRPC ? "" : ` --url ${grpcTarget}`;
  const wsAt = httpUrl === DEFAULT_HTTP ? "" : ` --url ${wsUrl}`;
  const homeAt = resolve(home) === join(cwd, ".sluice") ? "" : ` --home ${shortPath(home, cwd)}`;
  return [
    "Try it, in another terminal:",
    "  # HTTP, gRPC, WebSocket",
    `  curl -s ${httpUrl}/v2/models/${model}/infer -d @${frame}`,
    `  npx sluice infer --model ${model} --input ${frame} --protocol grpc${grpcAt}`,
    `  npx sluice infer --model ${model} --input ${frame} --protocol websocket${wsAt}`,
    "  # the version before, and back again",
    `  npx sluice rollback --model ${model}${homeAt}`,
    "  # what is loaded, and what was asked",
    `  curl -s -X POST ${httpUrl}/v2/repository/index`,
    `  curl -s ${metricsUrl} | grep sluice_requests_total`,
    "  # predictions leave here; go on with the cursor of the header sluice-next-cursor",
    `  curl -s '${pipelinesUrl}/v1/feeds/${outlet}?limit=3'`,
    "  # what ran, why the model is as it is, and what it came from",
    `  npx sluice runs${homeAt} --limit 10`,
    `  npx sluice explain ${flightVersion}${homeAt}`,
    `  npx sluice lineage ${flightVersion}${homeAt}`,
  ].join("\n");
}

/** Relative where that is shorter to read, quoted where a shell needs it. */
function shortPath(path: string, cwd: string): string {
  const inside = relative(cwd, path);
  const short = inside === "" || inside.startsWith(`..${sep}`) || inside === ".." ? path : inside;
  return /^[\w@%+=:,./-]+$/.test(short) ? short : `'${short.replaceAll("'", "'\\''")}'`;
}
