/** An answer other than success; the message is for the client, one line. */
export class ApiError extends Error {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.headers = headers;
  }
}
