/** A job that cannot do its work, and why, in one line for whoever runs it; never a secret. */
export class JobError extends Error {
  /** Another try may succeed: the other side was away. */
  readonly isTransient: boolean;

  constructor(message: string, isTransient = false) {
    super(message);
    this.name = "JobError";
    this.isTransient = isTransient;
  }
}
