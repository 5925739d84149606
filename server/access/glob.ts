import { isModelName } from "../../protocols/core/names.ts";

/** Is it a glob over model names: `*`, a prefix followed by `*`, or a whole name? */
export function isModelGlob(text: string): boolean {
  if (text === "*") return true;
  return isModelName(text.endsWith("*") ? text.slice(0, -1) : text);
}

/** @param glob as isModelGlob has it; anything else matches nothing */
export function matchesGlob(glob: string, model: string): boolean {
  return glob.endsWith("*") ? model.startsWith(glob.slice(0, -1)) : glob === model;
}
