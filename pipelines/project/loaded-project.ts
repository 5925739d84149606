import type { Project } from "./project.ts";

export interface LoadedProject {
  readonly project: Project;
  /** Absolute path of sluice.yaml. */
  readonly file: string;
  /** Its folder: relative paths of the project start here. */
  readonly folder: string;
  /** Of the file's bytes. */
  readonly sha256: string;
}
