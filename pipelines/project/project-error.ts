/**
 * A project file that cannot be used. `message` is the first problem, one line; `others` are the
 * rest, one line each, in the order of the file. Never a secret.
 */
export class ProjectError extends Error {
  readonly others: readonly string[];

  constructor(problems: readonly [string, ...string[]]) {
    const [first, ...others] = problems;
    super(first);
    this.name = "ProjectError";
    this.others = others;
  }
}
