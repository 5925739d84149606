import type { PlannedRun } from "./planned-run.ts";
import { runKey } from "./run-key.ts";
import type { Snapshot } from "./snapshot.ts";

const SUBJECT = "capture:incoming";
const MAX_FILES = 100;
const MAX_RECORDS = 200_000;
/** A stream is asked so often; nobody tells us that it grew. */
const STREAM_POLL_MS = 5_000;

/** Takes what servers captured, one job at a time. */
export function planCollect(snapshot: Snapshot): PlannedRun[] {
  const { config, active, captureFiles, streamId, nowMs } = snapshot;
  if (active.some((run) => run.kind === "collect")) return [];
  if (config.captureStream !== null && config.redisUrl !== null) {
    const stream = { name: config.captureStream, afterId: streamId };
    const tick = Math.floor(nowMs / STREAM_POLL_MS);
    return [
      {
        kind: "collect",
        subject: SUBJECT,
        key: runKey("collect", stream.name, streamId, tick),
        reason: `stream '${stream.name}' after ${streamId}`,
        spec: { captureFiles: null, stream, maxRecords: MAX_RECORDS },
        inputs: [],
      },
    ];
  }
  const files = captureFiles.slice(0, MAX_FILES);
  if (files.length === 0) return [];
  return [
    {
      kind: "collect",
      subject: SUBJECT,
      key: runKey("collect", files),
      reason: `${files.length} capture files`,
      spec: { captureFiles: files, stream: null, maxRecords: MAX_RECORDS },
      inputs: [],
    },
  ];
}
