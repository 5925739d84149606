import type { ModelConfig } from "../project/project.ts";

/**
 * What a label says: 0 or 1 for a binary task (0, 1, true, false in any case), a finite number for a
 * regression; null for anything else.
 */
export function parseLabel(text: string | null, task: ModelConfig["task"]): number | null {
  const word = (text ?? "").trim().toLowerCase();
  if (word === "") return null;
  if (task === "binary" && word === "true") return 1;
  if (task === "binary" && word === "false") return 0;
  const value = Number(word);
  if (!Number.isFinite(value)) return null;
  return task === "regression" || value === 0 || value === 1 ? value : null;
}
