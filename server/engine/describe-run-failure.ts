const MAX_CHARS = 300;

/**
 * What a client may know of a failed run: the runtime's status message, without its source files,
 * without folders, bounded.
 */
export function describeRunFailure(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const at = text.lastIndexOf("Status Message:");
  const message = (at < 0 ? text : text.slice(at + "Status Message:".length))
    .replace(/(?:\/[\w.+-]+){2,}(?::\d+)?/g, "…")
    .replace(/\s+/g, " ")
    .trim();
  return `the model's graph refused the request: ${message.slice(0, MAX_CHARS)}`;
}
