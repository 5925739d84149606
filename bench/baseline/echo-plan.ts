/** What the echo baseline's process is told, over its IPC channel; it answers `{port}`. */
export interface EchoPlan {
  /** The body of every answer. */
  readonly answer: Uint8Array;
  /** Header fields of every answer besides content-length. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}
