import { encodeRestRequest } from "../protocols/oip-rest/client-codec.ts";
import type { EchoPlan } from "./baseline/echo-plan.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { RunningServer } from "./running-server.ts";

const KEPT_HEADERS = ["content-type", "inference-header-content-length"];

/**
 * The answer of an HTTP server to the first request of a plan, byte for byte, for an echo to repeat.
 * @throws Error when it does not answer with 200
 */
export async function askOnce(server: RunningServer, plan: LoadPlan): Promise<EchoPlan> {
  const [input] = plan.inputs;
  if (input === undefined) throw new Error("the plan has no inputs");
  const binary = plan.protocol === "http-binary";
  const { body, jsonBytes } = encodeRestRequest({ ...input, id: null }, { binary });
  const url = `${server.endpoints.url}/v2/models/${encodeURIComponent(plan.model.name)}/infer`;
  const response = await fetch(url, {
    method: "POST",
    body: new Uint8Array(body),
    headers: {
      "content-type": binary ? "application/octet-stream" : "application/json",
      ...(jsonBytes !== null && { "inference-header-content-length": String(jsonBytes) }),
      ...(server.apiKey !== null && { authorization: `Bearer ${server.apiKey}` }),
    },
  });
  const answer = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${url} answered with status ${response.status}`);
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { answer, headers };
}
