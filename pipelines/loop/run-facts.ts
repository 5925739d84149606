/** What every run records about the code and the configuration it ran under. */
export interface RunFacts {
  /** Of the checkout that holds the project file; null outside of one. */
  readonly gitCommit: string | null;
  readonly gitDirty: boolean | null;
  /** package-lock.json of this program. */
  readonly lockfileSha256: string | null;
  /** sluice.yaml's bytes. */
  readonly configSha256: string;
}
