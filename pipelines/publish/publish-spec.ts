/** A version; "none": the model has no champion; "any": whatever there is. */
export type ExpectedChampion = number | "none" | "any";

export interface PublishSpec {
  readonly model: string;
  /** Absolute. */
  readonly modelPath: string;
  readonly goldenPath: string | null;
  readonly repository: string;
  /** Servers are told through the Redis of the environment (jobs/job-env.ts). */
  readonly wakesServers: boolean;
  readonly isBreaking: boolean;
  /** Version that the model was held against; one that moved meanwhile ends the job with `championMoved`. */
  readonly expectedChampion: ExpectedChampion;
  /** There is an index.json: without it the repository is not the one that was meant. */
  readonly expectsIndex: boolean;
  /** `runId` in it names the version: published already under it, it is not published again. */
  readonly lineage: Readonly<Record<string, string>>;
}

export type PublishResult =
  | {
      readonly outcome: "published";
      readonly version: number;
      readonly generation: number;
      readonly replaced: number | null;
    }
  /** Nothing was published. */
  | { readonly outcome: "championMoved"; readonly reason: string };
