import { statSync } from "node:fs";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";

/**
 * Sees a project file that changed on disk. A file that does not load leaves the old one in force
 * and is said once; what replaces sluice.yaml is git, or a hand.
 */
export class ProjectWatch {
  readonly #file: string;
  readonly #warn: (message: string) => void;
  #stamp: string;

  constructor(file: string, warn: (message: string) => void) {
    this.#file = file;
    this.#warn = warn;
    this.#stamp = this.#read();
  }

  /** The new project, null when nothing changed. */
  look(current: LoadedProject): LoadedProject | null {
    const stamp = this.#read();
    if (stamp === this.#stamp) return null;
    this.#stamp = stamp;
    try {
      const next = loadProject(this.#file);
      return next.sha256 === current.sha256 ? null : next;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#warn(`the changed project file is not used: ${why}`);
      return null;
    }
  }

  #read(): string {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file);
      return `${mtimeMs}/${size}/${ino}`;
    } catch {
      return "gone";
    }
  }
}
