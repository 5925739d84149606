/** What was asked for is not in the store, or is not clear; one line. */
export class TrackingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TrackingError";
  }
}
