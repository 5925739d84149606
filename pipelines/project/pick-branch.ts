/** A JSON Schema, read as data. */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * The index of the branch of a union that was meant: the one whose `kind` came, or the only one that
 * knows a key of the value; -1: cannot be told.
 */
export function pickBranch(branches: readonly Schema[], data: unknown): number {
  if (typeof data !== "object" || data === null) return -1;
  const kinds = kindsOf(branches);
  if (kinds !== null) return kinds.indexOf(String((data as Schema)["kind"]));
  const fitting = branches.flatMap((branch, index) =>
    Object.keys(data).some((key) => key in propertiesOf(branch)) ? [index] : [],
  );
  return fitting.length === 1 ? (fitting[0] ?? -1) : -1;
}

/** The `kind` of each branch; null for a union that is not told apart so. */
export function kindsOf(branches: readonly Schema[]): readonly string[] | null {
  const kinds = branches.map((branch) => propertiesOf(branch)["kind"]?.["const"]);
  return kinds.every((kind) => typeof kind === "string") ? kinds : null;
}

export function propertiesOf(schema: Schema): Readonly<Record<string, Schema>> {
  return (schema["properties"] as Readonly<Record<string, Schema>> | undefined) ?? {};
}
