/** A fenced block of README.md that a reader would run. */
export interface ReadmeBlock {
  readonly language: "sh" | "ts";
  readonly text: string;
  /** Of the fence, from 1. */
  readonly line: number;
  /** Why the test does not run it (`<!-- not run: why -->` above it); null when it does. */
  readonly notRun: string | null;
  /** Run it again until it prints what the README shows (`<!-- repeat until shown -->`). */
  readonly isRepeated: boolean;
  /** The block after it, which shows what it prints; null when nothing is shown. */
  readonly shown: ShownOutput | null;
}

export interface ShownOutput {
  readonly language: "text" | "json";
  readonly text: string;
}

interface Fence {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** What stands between the fence before and this one. */
  readonly before: string;
}

const NOT_RUN = /<!-- not run: ([\s\S]+?) -->/;
const REPEAT = /<!-- repeat until shown -->/;
const HEADING = /^#/m;

/** @throws Error for a block in another language than sh, ts, text and json */
export function readBlocks(markdown: string): ReadmeBlock[] {
  const fences = readFences(markdown);
  return fences.flatMap((fence, i): ReadmeBlock[] => {
    const { language, text, line, before } = fence;
    if (language === "text" || language === "json") return [];
    if (language !== "sh" && language !== "ts") {
      throw new Error(`README.md:${line}: no test knows how to run a block in '${language}'`);
    }
    const notRun = NOT_RUN.exec(before)?.[1] ?? null;
    const isRepeated = REPEAT.test(before);
    return [{ language, text, line, notRun, isRepeated, shown: shownBy(fences[i + 1]) }];
  });
}

/** Output belongs to the block before it unless a heading stands between. */
function shownBy(next: Fence | undefined): ShownOutput | null {
  if (next === undefined || HEADING.test(next.before)) return null;
  const { language, text } = next;
  return language === "text" || language === "json" ? { language, text } : null;
}

function readFences(markdown: string): Fence[] {
  const fences: Fence[] = [];
  let end = 0;
  for (const found of markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const [whole, language = "", text = ""] = found;
    const line = markdown.slice(0, found.index).split("\n").length;
    fences.push({ language, text, line, before: markdown.slice(end, found.index) });
    end = found.index + whole.length;
  }
  return fences;
}

/**
 * Says how what was printed differs in shape from what is shown; null when it does not. Numbers may
 * differ; `…` stands for any text in a line, alone in a line for any lines, in JSON for any text
 * under its key.
 */
export function explainDifference(shown: ShownOutput, printed: string): string | null {
  if (shown.language === "json") {
    const want = shapeOfJson(shown.text);
    const got = shapeOfJson(printed, anyTextKeys(shown.text));
    return want === got ? null : `expected JSON of the shape ${want}, got ${got}`;
  }
  return patternOf(shown.text).test(printed.trim())
    ? null
    : `expected text of the shape\n${shown.text}\ngot\n${printed}`;
}

/** Keys whose text is shown as `…`. */
function anyTextKeys(shown: string): ReadonlySet<string> {
  return new Set([...shown.matchAll(/"([^"]+)":\s*"…"/g)].map(([, key = ""]) => key));
}

/** Every number becomes 0, every text under one of the keys `…`; names and other texts stay. */
function shapeOfJson(text: string, anyText: ReadonlySet<string> = new Set()): string {
  const plain = (key: string, value: unknown) => {
    if (typeof value === "number") return 0;
    return typeof value === "string" && anyText.has(key) ? "…" : value;
  };
  try {
    return JSON.stringify(JSON.parse(text, plain));
  } catch {
    return `(no JSON) ${text}`;
  }
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:e-?\d+)?`;

function patternOf(shown: string): RegExp {
  const lines = shown
    .trim()
    .split("\n")
    .map((line, at, all) => {
      if (line.trim() !== "…") return `${patternOfLine(line)}\n`;
      return at === all.length - 1 ? "[\\s\\S]*" : "(?:.*\n)*?";
    });
  return new RegExp(`^${lines.join("").replace(/\n$/, "")}$`);
}

function patternOfLine(line: string): string {
  return line
    .trimEnd()
    .split(/(\d+(?:\.\d+)?(?:e-?\d+)?|…|\s+)/)
    .map((part, at, parts) => {
      if (part === "…") return ".*";
      if (/^\d/.test(part)) return NUMBER;
      // A stamp is padded, and fills its column after 100 s: `[  9.9 s]`, `[113.8 s]`.
      if (/^\s+$/.test(part)) return parts[at - 1]?.endsWith("[") ? "\\s*" : "\\s+";
      return part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    })
    .join("");
}
