/** The story of one thing, from what is recorded. Lines are for people; nothing in them is secret. */
export interface Explanation {
  /** `run:ID`, or a subject as in store/subject.ts. */
  readonly subject: string;
  /** What it is and what became of it. */
  readonly headline: string;
  /** Why it was done or decided; null where nothing was recorded. */
  readonly reason: string | null;
  /** What the decision rests on. */
  readonly evidence: readonly string[];
  /** What it came from. */
  readonly before: readonly string[];
  /** What came of it. */
  readonly after: readonly string[];
  /** What the event log says of it, oldest first. */
  readonly events: readonly ExplainedEvent[];
}

export interface ExplainedEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly type: string;
  readonly subject: string;
  readonly runId: string | null;
  /** The parts that are plain values: `rows=100 reason="…"`. */
  readonly text: string;
}
