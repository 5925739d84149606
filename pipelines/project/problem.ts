/** Where in the document: keys and indexes from its root. */
export type ProjectPath = readonly (string | number)[];

/** One thing that is wrong with a project file. */
export interface ProjectProblem {
  readonly path: ProjectPath;
  /** The key itself is wrong, not its value: its line is where the key stands. */
  readonly isAboutKey: boolean;
  /** What was expected and what came. */
  readonly text: string;
}

export function problemAt(path: ProjectPath, text: string): ProjectProblem {
  return { path, isAboutKey: false, text };
}

/** `feeds.orders.connector`, `rules[0].model`. */
export function writePath(path: ProjectPath): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`,
    )
    .join("");
}
