/** Rows under a head, in columns as wide as their widest cell; the last is not padded. */
export function layOut(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  const lines = all.map((row) =>
    head
      .map((_, column) => pad(row[column] ?? "", widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}

function pad(text: string, to: number): string {
  return `${text}${" ".repeat(Math.max(0, to - width(text)))}`;
}

export function isoTime(atMs: number | null): string {
  return atMs === null ? "-" : new Date(atMs).toISOString();
}

/** `12.3 s`, `-` when it has not ended. */
export function tookText(startedAtMs: number | null, endedAtMs: number | null): string {
  if (startedAtMs === null || endedAtMs === null) return "-";
  return `${((endedAtMs - startedAtMs) / 1000).toFixed(1)} s`;
}
