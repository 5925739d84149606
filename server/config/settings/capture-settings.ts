import { GIB, integer, MIB, type Rows, row } from "./row.ts";

/** Records of predictions and labels. */
export const CAPTURE_SETTINGS = {
  captureFolder: row({ kind: "path" }, null, {
    text: "Folder for records of predictions and labels; `sluice pipelines` reads it too.",
  }),
  captureStream: row({ kind: "string" }, null, {
    text: "Redis stream for them instead of a folder; needs redisUrl.",
  }),
  captureRatio: row({ kind: "number", min: 0, max: 1 }, 1, {
    text: "Share of the predictions to record, chosen by hash of the inference id.",
  }),
  captureModels: row({ kind: "strings" }, ["*"], {
    defaultText: "*",
    text: "Models to record: names, prefixes such as fraud-* or *.",
  }),
  captureExclude: row({ kind: "strings" }, [], {
    text: "Inputs that are never recorded.",
  }),
  captureFileSecs: row({ kind: "number", min: 0.1, max: 86_400 }, 10, {
    text: "Seconds after which a file of records is finished and a new one begun.",
  }),
  captureFileBytes: row(integer(1024, GIB), 8 * MIB, {
    text: "Bytes after which it is.",
  }),
  captureQueueBytes: row(integer(65_536, 64 * GIB), 16 * MIB, {
    text: "Records waiting to be written; what does not fit is dropped and counted.",
  }),
} satisfies Partial<Rows>;
