import type { LogLevel } from "../../server/lib/log.ts";

/** What `sluice pipelines` is told by flags, environment and server.yaml. Paths are absolute. */
export interface PipelinesConfig {
  readonly home: string;
  readonly host: string;
  readonly insecure: boolean;
  readonly keysFile: string | null;
  readonly modelRepository: string;
  readonly redisUrl: string | null;
  readonly logLevel: LogLevel;
  /** Where a server leaves captured predictions and labels: a folder, or a Redis stream, or neither. */
  readonly captureFolder: string | null;
  readonly captureStream: string | null;
  readonly projectFile: string;
  readonly pipelinesPort: number;
  readonly pipelinesMetricsPort: number;
  /** `NAME=PROGRAM ARG …` */
  readonly trainerCommands: readonly string[];
  readonly jobConcurrency: number;
  readonly jobTimeoutSecs: number;
}
