/** What became of the requests of a load that should have started inside its window. */
export interface Outcomes {
  /** Right answers within the deadline, counted from the intended start. */
  readonly inTime: number;
  readonly late: number;
  /** `queue-full`: HTTP 503 or 429. */
  readonly refused: number;
  /** `deadline-exceeded`: HTTP 504, or silence until the client gave up. */
  readonly expired: number;
  readonly failed: number;
  readonly unsent: number;
}

/** Of a load. */
export interface LoadCounts {
  /** Right answers. */
  readonly requests: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  readonly unsent: number;
}

export function outcomesOf(load: LoadCounts, inTime: number): Outcomes {
  const refused = load.errors["queue-full"] ?? 0;
  const expired = load.errors["deadline-exceeded"] ?? 0;
  return {
    inTime,
    late: load.requests - inTime,
    refused,
    expired,
    failed: load.errorCount - refused - expired,
    unsent: load.unsent,
  };
}
