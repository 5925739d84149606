import { encodeGrpcRequests, GrpcLane } from "./grpc-lane.ts";
import { encodeHttpRequests, HttpLane, livenessProbe } from "./http-lane.ts";
import type { Lane } from "./lane.ts";
import type { LoadPlan } from "./load-plan.ts";
import { encodeStreamRequests, StreamLane, streamUrl } from "./stream-lane.ts";

/**
 * The connections of one generator thread; they share the encoded requests. With a deadline the
 * request after those of the pool (`poolSize`) opens a connection and costs the server nothing more.
 */
export function createLanes(plan: LoadPlan): Lane[] {
  const next = laneMaker(plan);
  return Array.from({ length: plan.connections }, next);
}

function laneMaker(plan: LoadPlan): () => Lane {
  const { timeoutMs, apiKey } = plan;
  if (plan.deadlineMs !== null && !plan.protocol.startsWith("http")) {
    throw new Error(`a deadline is told over HTTP only, not over ${plan.protocol}`);
  }
  switch (plan.protocol) {
    case "http-json":
    case "http-binary": {
      const url = new URL(need(plan.endpoints.url, "--url", plan));
      const requests = [...encodeHttpRequests(plan, url), livenessProbe(url)];
      return () => new HttpLane(url, requests, timeoutMs);
    }
    case "grpc": {
      const target = need(plan.endpoints.grpc, "--grpc", plan);
      const requests = encodeGrpcRequests(plan);
      return () => new GrpcLane(target, requests, timeoutMs, apiKey);
    }
    case "websocket": {
      const url = streamUrl(need(plan.endpoints.url, "--url", plan));
      const requests = encodeStreamRequests(plan);
      return () => new StreamLane(url, requests, timeoutMs, apiKey);
    }
  }
}

function need(endpoint: string | null, option: string, plan: LoadPlan): string {
  if (endpoint === null) throw new Error(`${plan.protocol} needs ${option}`);
  return endpoint;
}
