/**
 * Protocol buffers' text format, as people write config.pbtxt in it
 * (protobuf.dev/reference/protobuf/textformat-spec): names with values, messages in {} or <>, lists in
 * [], comments, joined strings, any order. It knows no schema: whoever reads the tree does.
 */

/** A value of a field. */
export type TextValue =
  | { readonly kind: "string"; readonly text: string; readonly line: number }
  | { readonly kind: "number"; readonly value: number; readonly line: number }
  /** true, false, or the name of an enum's value. */
  | { readonly kind: "word"; readonly text: string; readonly line: number }
  | { readonly kind: "message"; readonly message: TextMessage; readonly line: number };

/** Values by field name, in the order in which they stand; a list is its values one by one. */
export type TextMessage = ReadonlyMap<string, readonly TextValue[]>;

/** Says the line, what was expected and what came. */
export class TextFormatError extends Error {
  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
    this.name = "TextFormatError";
  }
}

const MAX_DEPTH = 32;

/** @throws TextFormatError */
export function parseTextFormat(text: string): TextMessage {
  const tokens = new Tokens(text);
  return readMessage(tokens, null, 0);
}

function readMessage(tokens: Tokens, close: string | null, depth: number): TextMessage {
  if (depth > MAX_DEPTH) tokens.fail(`messages nest deeper than ${MAX_DEPTH}`);
  const fields = new Map<string, TextValue[]>();
  for (let name = readName(tokens, close); name !== null; name = readName(tokens, close)) {
    const values = fields.get(name) ?? [];
    fields.set(name, values);
    readField(tokens, name, values, depth);
    if (tokens.isMark(",") || tokens.isMark(";")) tokens.next();
  }
  return fields;
}

/** A field's name; null at the end of the message. */
function readName(tokens: Tokens, close: string | null): string | null {
  const token = tokens.next();
  if (token.kind === "word") return token.text;
  const isEnd =
    close === null ? token.kind === "end" : token.kind === "mark" && token.text === close;
  if (isEnd) return null;
  const wanted = close === null ? "a field's name" : `a field's name or '${close}'`;
  return tokens.fail(`expected ${wanted}, got ${nameOf(token)}`, token.line);
}

function readField(tokens: Tokens, name: string, into: TextValue[], depth: number): void {
  const hasColon = tokens.isMark(":");
  if (hasColon) tokens.next();
  if (tokens.isMark("[")) {
    readList(tokens, into, depth);
    return;
  }
  if (!hasColon && !tokens.isMark("{") && !tokens.isMark("<")) {
    const found = tokens.next();
    tokens.fail(`expected ':' or '{' after ${name}, got ${nameOf(found)}`, found.line);
  }
  into.push(readValue(tokens, depth));
}

function readList(tokens: Tokens, into: TextValue[], depth: number): void {
  tokens.next();
  while (!tokens.isMark("]")) {
    into.push(readValue(tokens, depth));
    if (tokens.isMark(",")) tokens.next();
    else if (!tokens.isMark("]")) {
      const found = tokens.next();
      tokens.fail(`expected ',' or ']', got ${nameOf(found)}`, found.line);
    }
  }
  tokens.next();
}

function readValue(tokens: Tokens, depth: number): TextValue {
  const token = tokens.next();
  const { line } = token;
  switch (token.kind) {
    case "string": {
      let text = token.text;
      // Strings side by side are one.
      for (let more = tokens.takeString(); more !== null; more = tokens.takeString()) text += more;
      return { kind: "string", text, line };
    }
    case "number":
      return { kind: "number", value: token.value, line };
    case "word":
      return { kind: "word", text: token.text, line };
    default:
      break;
  }
  if (token.kind === "mark" && (token.text === "{" || token.text === "<")) {
    const close = token.text === "{" ? "}" : ">";
    return { kind: "message", message: readMessage(tokens, close, depth + 1), line };
  }
  return tokens.fail(`expected a value, got ${nameOf(token)}`, line);
}

type Token =
  | { readonly kind: "word" | "string" | "mark"; readonly text: string; readonly line: number }
  | { readonly kind: "number"; readonly value: number; readonly line: number }
  | { readonly kind: "end"; readonly line: number };

function nameOf(token: Token): string {
  if (token.kind === "end") return "the end of the file";
  if (token.kind === "number") return `${token.value}`;
  return `'${token.text.slice(0, 40)}'`;
}

const SKIPPED = /(?:\s+|#[^\n]*)*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_./-]*/y;
const NUMBER = /[-+]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)[fF]?/y;
const MARK = /[{}<>[\]:,;]/y;

class Tokens {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #ahead: Token | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    const token = this.#ahead ?? this.#read();
    this.#ahead = null;
    return token;
  }

  isMark(text: string): boolean {
    this.#ahead ??= this.#read();
    return this.#ahead.kind === "mark" && this.#ahead.text === text;
  }

  /** The next token's text where it is a string; else null, and the token stays. */
  takeString(): string | null {
    this.#ahead ??= this.#read();
    if (this.#ahead.kind !== "string") return null;
    const { text } = this.#ahead;
    this.#ahead = null;
    return text;
  }

  fail(problem: string, line: number = this.#line): never {
    throw new TextFormatError(line, problem);
  }

  #read(): Token {
    this.#match(SKIPPED);
    const line = this.#line;
    const first = this.#text[this.#at];
    if (first === undefined) return { kind: "end", line };
    if (first === '"' || first === "'") return { kind: "string", text: this.#readString(), line };
    const mark = this.#match(MARK);
    if (mark !== null) return { kind: "mark", text: mark, line };
    const word = this.#match(WORD);
    if (word !== null) return { kind: "word", text: word, line };
    const number = this.#match(NUMBER);
    if (number === null) this.fail(`expected a name or a value, got '${first}'`);
    return {
      kind: "number",
      value: Number(
        number.replace(/^\+/, "").replace(/f$/i, (f) => (/^0x/i.test(number) ? f : "")),
      ),
      line,
    };
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found === null) return null;
    this.#at += found.length;
    for (const char of found) if (char === "\n") this.#line += 1;
    return found;
  }

  #readString(): string {
    const quote = this.#text[this.#at] as string;
    const bytes: number[] = [];
    const encoder = new TextEncoder();
    let at = this.#at + 1;
    for (;;) {
      const char = this.#text[at];
      if (char === undefined || char === "\n") this.fail("a string does not end on its line");
      if (char === quote) break;
      if (char === "\\") {
        const escaped = readEscape(this.#text, at + 1);
        if (escaped === null)
          this.fail(`a string has the unknown escape '\\${this.#text[at + 1]}'`);
        bytes.push(...escaped.bytes);
        at = escaped.end;
      } else {
        const point = String.fromCodePoint(this.#text.codePointAt(at) as number);
        bytes.push(...encoder.encode(point));
        at += point.length;
      }
    }
    this.#at = at + 1;
    return new TextDecoder().decode(Uint8Array.from(bytes));
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "?": 63,
  "\\": 92,
  "'": 39,
  '"': 34,
};

const OCTAL = /[0-7]{1,3}/y;
const HEX = /[xX]([0-9a-fA-F]{1,2})/y;
const POINT = /(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

function readEscape(text: string, at: number): { bytes: Iterable<number>; end: number } | null {
  const simple = SIMPLE_ESCAPES[text[at] ?? ""];
  if (simple !== undefined) return { bytes: [simple], end: at + 1 };
  for (const pattern of [OCTAL, HEX, POINT]) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) continue;
    const end = at + found[0].length;
    if (pattern === OCTAL) return { bytes: [Number.parseInt(found[0], 8) & 0xff], end };
    const value = Number.parseInt((found[1] ?? found[2]) as string, 16);
    if (pattern === HEX) return { bytes: [value], end };
    return value > 0x10ffff
      ? null
      : { bytes: new TextEncoder().encode(String.fromCodePoint(value)), end };
  }
  return null;
}
