import { readFileSync } from "node:fs";

/** The version in package.json, which lies above both the sources and their compiled form. */
export function programVersion(): string {
  for (const folder of ["../../", "../../../"]) {
    try {
      const file = new URL(`${folder}package.json`, import.meta.url);
      const { name, version } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      if (name === "sluice") return String(version);
    } catch {
      // Not there: one folder further up.
    }
  }
  return "unknown";
}
