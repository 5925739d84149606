/** Bounds that every decoder takes. Exceeding one is `payload-too-large` or `invalid-argument`. */
export interface Limits {
  readonly maxBodyBytes: number;
  readonly maxJsonDepth: number;
  readonly maxTensors: number;
  readonly maxDims: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxBodyBytes: 64 * 1024 * 1024,
  maxJsonDepth: 100,
  maxTensors: 1024,
  maxDims: 16,
};
