import { encodeHttpRequests, livenessProbe } from "./http-lane.ts";
import type { LoadPlan } from "./load-plan.ts";
import { FrameWriter } from "./native-frames.ts";
import { encodeStreamRequests, streamUrl } from "./stream-lane.ts";
import { maskedTextFrame, openingRequest } from "./web-socket-bytes.ts";

const HTTP = 0;
const WEBSOCKET = 1;
/** Versions of large answers fit; what does not is compared by fingerprint. */
export const ANSWER_BYTES = 256 * 1024 * 1024;

/** Why the native generator cannot drive the plan; null when it can. */
export function explainUnspoken(plan: LoadPlan): string | null {
  if (plan.protocol === "grpc") return "it does not speak gRPC";
  if (plan.deadlineMs !== null && plan.protocol === "websocket") return "a deadline needs HTTP";
  if (plan.endpoints.url === null) return `${plan.protocol} needs --url`;
  if (new URL(plan.endpoints.url).protocol !== "http:") return "it does not speak TLS";
  return null;
}

/**
 * The plan as native/load/load_plan.cc reads it.
 * REQUIRES: `explainUnspoken` has nothing against it.
 * @param answerBytes memory of the generator for answers that others are compared with
 */
export function encodePlan(plan: LoadPlan, answerBytes: number): FrameWriter {
  const url = new URL(plan.endpoints.url ?? "");
  const isStream = plan.protocol === "websocket";
  const { shape } = plan;
  const target = isStream ? streamUrl(url.href) : url.origin;
  const opening = isStream ? openingRequest(new URL(target), plan.apiKey) : null;
  const requests = isStream
    ? encodeStreamRequests(plan).map(maskedTextFrame)
    : encodeHttpRequests(plan, url);
  const frame = new FrameWriter("P")
    .u8(isStream ? WEBSOCKET : HTTP)
    .text(target)
    .text(url.hostname.replace(/^\[|\]$/g, ""))
    .text(url.port || "80")
    .u32(plan.connections)
    .f64(shape.ratePerSec ?? 0)
    .f64(shape.warmupMs)
    .f64(shape.durationMs)
    .f64(shape.graceMs)
    .f64(plan.timeoutMs)
    .f64(shape.sliceMs ?? 0)
    .f64(plan.deadlineMs ?? 0)
    .f64(answerBytes)
    .text(plan.deadlineMs === null ? "" : livenessProbe(url))
    .text(opening?.request ?? "")
    .text(opening?.accept ?? "")
    .u32(requests.length);
  for (const request of requests) frame.text(request);
  return frame;
}
