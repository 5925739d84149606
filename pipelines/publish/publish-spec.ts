export interface PublishSpec {
  readonly model: string;
  /** Absolute. */
  readonly modelPath: string;
  readonly goldenPath: string | null;
  readonly repository: string;
  readonly redisUrl: string | null;
  readonly isBreaking: boolean;
  /** `runId` in it names the version: published already under it, it is not published again. */
  readonly lineage: Readonly<Record<string, string>>;
}

export interface PublishResult {
  readonly version: number;
  readonly generation: number;
  readonly replaced: number | null;
}
