import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from "yaml";
import type { ProjectPath } from "./problem.ts";

/**
 * The line of a place in a YAML document, from 1; of the nearest thing around it where it is not
 * there.
 */
export function lineOf(document: Document.Parsed, lines: LineCounter, path: ProjectPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    const next = stepInto(node, part);
    if (next === null) break;
    offset = next.offset;
    node = next.node;
  }
  return lines.linePos(offset).line;
}

function stepInto(node: unknown, part: string | number): { node: unknown; offset: number } | null {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
    if (pair === undefined) return null;
    return { node: pair.value, offset: startOf(pair.key) };
  }
  if (!isSeq(node)) return null;
  const item = node.items[Number(part)];
  return item === undefined ? null : { node: item, offset: startOf(item) };
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
