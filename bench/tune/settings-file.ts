import { type Document, isMap, isScalar, type Pair, parseDocument } from "yaml";
import type { TunedKey } from "./tuned-settings.ts";

/** Begins every line of ours, so that the next run finds and replaces them. */
const MARK = " sluice tune: ";

/** @throws Error with the line that is wrong when it is not `key: value` lines of YAML */
export function parseSettingsFile(text: string): Document {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new Error(`expected YAML, came: ${problem.message.split("\n")[0]}`);
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new Error("expected 'key: value' lines");
  }
  return document;
}

/** Keys of the file that have a value. */
export function keysOf(text: string): string[] {
  const { contents } = parseSettingsFile(text);
  if (!isMap(contents)) return [];
  return contents.items
    .filter((pair) => isScalar(pair.value) && pair.value.value !== null)
    .map((pair) => String(keyOf(pair)));
}

/**
 * The text of server.yaml with these settings, under a comment; other keys, their order and their
 * comments stay. A comment of an earlier run goes.
 * @param text may be empty
 * @param comment lines without `#`
 * @throws Error as parseSettingsFile
 */
export function applySettings(
  text: string,
  settings: ReadonlyMap<TunedKey, number>,
  comment: readonly string[],
): string {
  const document = parseSettingsFile(text);
  dropOurComments(document);
  document.contents ??= document.createNode({});
  for (const [key, value] of settings) {
    if (document.has(key)) document.set(key, value);
    else document.add(document.createPair(key, value));
  }
  const { contents } = document;
  const first = isMap(contents)
    ? contents.items.find((pair) => settings.has(keyOf(pair) as TunedKey))
    : undefined;
  if (first !== undefined && isScalar(first.key)) {
    const ours = comment.map((line) => `${MARK}${line}`).join("\n");
    const theirs = first.key.commentBefore;
    first.key.commentBefore = theirs == null ? ours : `${theirs}\n${ours}`;
  }
  return document.toString({ lineWidth: 0 });
}

/** The first comment of a file belongs to the document or to its map, the others to keys. */
function dropOurComments(document: Document): void {
  document.commentBefore = withoutOurs(document.commentBefore);
  document.comment = withoutOurs(document.comment);
  const { contents } = document;
  if (!isMap(contents)) return;
  contents.commentBefore = withoutOurs(contents.commentBefore);
  for (const { key } of contents.items) {
    if (isScalar(key)) key.commentBefore = withoutOurs(key.commentBefore);
  }
}

function withoutOurs(comment: string | null | undefined): string | null {
  if (comment == null) return null;
  const lines = comment.split("\n").filter((line) => !line.startsWith(MARK));
  return lines.join("\n") === "" ? null : lines.join("\n");
}

function keyOf({ key }: Pair): unknown {
  return isScalar(key) ? key.value : key;
}
