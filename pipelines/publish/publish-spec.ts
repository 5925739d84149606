export interface PublishSpec {
  readonly model: string;
  /** Absolute. */
  readonly modelPath: string;
  readonly goldenPath: string | null;
  readonly repository: string;
  /** Servers are told through the Redis of the environment (jobs/job-env.ts). */
  readonly wakesServers: boolean;
  readonly isBreaking: boolean;
  /** `runId` in it names the version: published already under it, it is not published again. */
  readonly lineage: Readonly<Record<string, string>>;
}

export interface PublishResult {
  readonly version: number;
  readonly generation: number;
  readonly replaced: number | null;
}
