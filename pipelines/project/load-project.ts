import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { LineCounter, parseDocument, type YAMLParseError } from "yaml";
import { findProjectProblems } from "./cross-checks.ts";
import { fillDefaults } from "./fill-defaults.ts";
import type { LoadedProject } from "./loaded-project.ts";
import { type ProjectProblem, writePath } from "./problem.ts";
import type { Project } from "./project.ts";
import { ProjectError } from "./project-error.ts";
import { ProjectInputSchema } from "./project-schema.ts";
import { findSchemaProblems } from "./schema-problems.ts";
import { lineOf } from "./yaml-lines.ts";

/**
 * Reads and checks a project file; defaults are filled in, and the result is frozen.
 * @throws ProjectError with every problem of the file, one line each: `sluice.yaml:7
 *   feeds.orders.everySecs: expected a number above 0, came "soon"`
 */
export function loadProject(file: string): LoadedProject {
  const path = resolve(file);
  const bytes = readBytes(path);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const project = parseProject(bytes.toString("utf8"), basename(path));
  return Object.freeze({ project, file: path, folder: dirname(path), sha256 });
}

/**
 * The same for a text.
 * @param name of the file, for the errors
 */
export function parseProject(text: string, name: string): Project {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  refuseBroken(document.errors, name);
  const refuse = (problems: readonly ProjectProblem[]): void => {
    const sorted = problems
      .map((problem) => ({ problem, line: lineOf(document, lines, problem.path) }))
      .sort((a, b) => a.line - b.line)
      .map(({ problem, line }) => `${name}:${line} ${writeProblem(problem)}`);
    const [first, ...others] = new Set(sorted);
    if (first !== undefined) throw new ProjectError([first, ...others]);
  };
  const value = withoutEmptyKeys(toPlain(document, name));
  refuse(findSchemaProblems(ProjectInputSchema, value));
  const project = fillDefaults(ProjectInputSchema, value) as Project;
  refuse(findProjectProblems(project));
  return deepFreeze(project);
}

function writeProblem({ path, text }: ProjectProblem): string {
  return path.length === 0 ? text : `${writePath(path)}: ${text}`;
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new ProjectError([`cannot read the project file ${path} (${code ?? "unknown error"})`]);
  }
}

function refuseBroken(errors: readonly YAMLParseError[], name: string): void {
  const [first, ...others] = errors.map((error) => {
    const text = error.message.split("\n")[0]?.replace(/ at line [0-9]+, column [0-9]+:?$/, "");
    return `${name}:${error.linePos?.[0].line ?? 1} is not YAML: ${text}`;
  });
  if (first !== undefined) throw new ProjectError([first, ...others]);
}

function toPlain(document: { toJS(): unknown }, name: string): unknown {
  try {
    return document.toJS();
  } catch (thrown) {
    // Aliases that are not there, or that unfold without end.
    throw new ProjectError([`${name} is not YAML: ${(thrown as Error).message.split("\n")[0]}`]);
  }
}

/** `feeds:` with nothing after it is a line left for later: the default. */
function withoutEmptyKeys(root: unknown): unknown {
  if (typeof root !== "object" || root === null || Array.isArray(root)) return root ?? {};
  return Object.fromEntries(Object.entries(root).filter(([, value]) => value !== null));
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
