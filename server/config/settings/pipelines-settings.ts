import { integer, PORT, type Rows, row } from "./row.ts";

/** What `sluice pipelines` reads alone. */
export const PIPELINES_SETTINGS = {
  projectFile: row({ kind: "path" }, "sluice.yaml", {
    text: "Project file of `sluice pipelines`.",
  }),
  pipelinesPort: row(PORT, 5000, { text: "Port of its API and outlets; 0 takes a free one." }),
  pipelinesMetricsPort: row(PORT, 5002, {
    text: "Its Prometheus metrics port; 0 takes a free one.",
  }),
  trainerCommands: row({ kind: "strings" }, [], {
    text: "Programs that `command` trainers may run: NAME=PROGRAM ARG …",
  }),
  jobConcurrency: row(integer(1, 64), 1, { text: "Jobs at once." }),
  jobTimeoutSecs: row({ kind: "number", min: 1, max: 2_592_000 }, 3600, {
    text: "Seconds that one job may take.",
  }),
} satisfies Partial<Rows>;
