import { join } from "node:path";
import { LOG_LEVELS } from "../../lib/log.ts";
import { type Rows, row } from "./row.ts";

/** What more than one command reads. */
export const SHARED_SETTINGS = {
  home: row({ kind: "path" }, ".sluice", {
    text: "Folder for what outlives the process: model cache, keys, audit log.",
  }),
  host: row({ kind: "string" }, "127.0.0.1", {
    text: "Address to bind. A non-loopback one needs keys, or --insecure.",
  }),
  insecure: row({ kind: "boolean" }, false, {
    text: "Allow a non-loopback host without keys.",
  }),
  keysFile: row({ kind: "path" }, null, {
    defaultText: "<home>/keys.json if it is there",
    text: "API keys, made by `sluice keys create`. Without keys there is no authentication.",
  }),
  modelRepository: row({ kind: "repository" }, ({ home }) => join(home, "models"), {
    defaultText: "<home>/models",
    text: "Where models come from: a folder or https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX].",
  }),
  redisUrl: row({ kind: "redis-url" }, null, {
    wellKnownEnv: ["REDIS_URL"],
    text: "Redis to hear of new versions at once. Never printed.",
  }),
  logLevel: row({ kind: "enum", values: LOG_LEVELS }, "info", {
    text: "Least severe log line to write.",
  }),
} satisfies Partial<Rows>;
