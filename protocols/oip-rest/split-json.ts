import { isUtf8 } from "node:buffer";
import type { Limits } from "../core/limits.ts";
import { invalid } from "./invalid.ts";
import {
  asBuffer,
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  describeByte,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipSpace,
} from "./json-bytes.ts";

/**
 * Splits a message into its small part, which JSON.parse reads, and the values of every
 * `<tensors>[i].data`, which a scanner later writes straight into typed arrays. One pass; it tracks
 * strings and brackets only. What it lets through is checked all the same: the text outside the
 * data by JSON.parse, the data by the scanner.
 */

/** Byte range of one `data` value. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

export interface SplitJson {
  /** The message with every `data` value replaced by null. */
  readonly root: unknown;
  /** By tensor index; null where a tensor has no `data`. */
  readonly data: readonly (DataRange | null)[];
}

/**
 * @param bytes the JSON text, nothing else
 * @param tensorsKey the root member that holds the tensors
 * @throws InferError `invalid-argument`
 */
export function splitJson(
  bytes: Uint8Array,
  tensorsKey: "inputs" | "outputs",
  limits: Limits,
): SplitJson {
  if (!isUtf8(bytes)) throw invalid("the JSON is not valid UTF-8");
  const splitter = new Splitter(bytes, tensorsKey, limits.maxJsonDepth);
  splitter.run();
  return { root: parseWithout(bytes, splitter.ranges), data: splitter.ranges };
}

function parseWithout(bytes: Uint8Array, ranges: readonly (DataRange | null)[]): unknown {
  const buffer = asBuffer(bytes);
  let text = "";
  let from = 0;
  for (const range of ranges) {
    if (range === null) continue;
    text += `${buffer.toString("utf8", from, range.start)}null`;
    from = range.end;
  }
  text += buffer.toString("utf8", from, buffer.byteLength);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw invalid(`the JSON is malformed: ${thrown instanceof Error ? thrown.message : "?"}`);
  }
}

/** What a byte means to a bracket counter: 0 nothing, 1 opens, 2 closes, 3 begins a string. */
const MARK = new Uint8Array(256);
MARK[OPEN_ARRAY] = 1;
MARK[OPEN_OBJECT] = 1;
MARK[CLOSE_ARRAY] = 2;
MARK[CLOSE_OBJECT] = 2;
MARK[QUOTE] = 3;

class Splitter {
  readonly ranges: (DataRange | null)[] = [];
  readonly #bytes: Uint8Array;
  readonly #buffer: Buffer;
  readonly #end: number;
  readonly #tensorsKey: string;
  readonly #maxDepth: number;
  #pos = 0;
  #isTensorsSeen = false;

  constructor(bytes: Uint8Array, tensorsKey: string, maxDepth: number) {
    this.#bytes = bytes;
    this.#buffer = asBuffer(bytes);
    this.#end = bytes.byteLength;
    this.#tensorsKey = tensorsKey;
    this.#maxDepth = maxDepth;
  }

  run(): void {
    if (this.#peek() !== OPEN_OBJECT) {
      throw invalid(`expected a JSON object, got ${describeByte(this.#bytes[this.#pos])}`);
    }
    this.#members((key) => {
      if (key === this.#tensorsKey) this.#tensors();
      else this.#skipValue(1);
    });
  }

  #tensors(): void {
    if (this.#isTensorsSeen) throw invalid(`'${this.#tensorsKey}' is given twice`);
    this.#isTensorsSeen = true;
    if (this.#peek() !== OPEN_ARRAY) {
      this.#skipValue(1);
      return;
    }
    this.#pos++;
    if (this.#peek() === CLOSE_ARRAY) {
      this.#pos++;
      return;
    }
    do {
      this.#tensor();
    } while (this.#isNext(CLOSE_ARRAY));
  }

  #tensor(): void {
    const index = this.ranges.length;
    this.ranges.push(null);
    if (this.#peek() !== OPEN_OBJECT) {
      this.#skipValue(2);
      return;
    }
    this.#members((key) => {
      this.#peek();
      const start = this.#pos;
      this.#skipValue(3);
      if (key !== "data") return;
      if (this.ranges[index] !== null) {
        throw invalid(`${this.#tensorsKey}[${index}].data is given twice`);
      }
      this.ranges[index] = { start, end: this.#pos };
    });
  }

  /** Walks an object from its opening brace; `value` must step over the value of each key. */
  #members(value: (key: string) => void): void {
    this.#pos++;
    if (this.#peek() === CLOSE_OBJECT) {
      this.#pos++;
      return;
    }
    do {
      if (this.#peek() !== QUOTE) throw this.#unexpected("a member name");
      const key = this.#key();
      if (this.#peek() !== COLON) throw this.#unexpected("':'");
      this.#pos++;
      value(key);
    } while (this.#isNext(CLOSE_OBJECT));
  }

  /** After a value: true past a comma, false past the closing bracket. */
  #isNext(close: number): boolean {
    const byte = this.#peek();
    if (byte !== COMMA && byte !== close) throw this.#unexpected("',' or a closing bracket");
    this.#pos++;
    return byte === COMMA;
  }

  #key(): string {
    const start = this.#pos;
    this.#pos = this.#endOfString(start);
    const raw = this.#buffer.toString("utf8", start + 1, this.#pos - 1);
    if (!raw.includes("\\")) return raw;
    try {
      return String(JSON.parse(`"${raw}"`));
    } catch {
      throw invalid(`the JSON is malformed: bad member name at byte ${start}`);
    }
  }

  /** Steps over one value of any kind that sits inside `depth` brackets. */
  #skipValue(depth: number): void {
    const first = this.#peek();
    if (first === OPEN_ARRAY || first === OPEN_OBJECT) {
      this.#pos = this.#endOfBrackets(this.#pos, depth);
    } else if (first === QUOTE) {
      this.#pos = this.#endOfString(this.#pos);
    } else {
      this.#pos = this.#endOfWord(this.#pos);
    }
  }

  #endOfBrackets(from: number, outerDepth: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const maxDepth = this.#maxDepth;
    let depth = outerDepth;
    let pos = from;
    while (pos < end) {
      const mark = MARK[bytes[pos] as number];
      if (mark === 0) {
        pos++;
        continue;
      }
      if (mark === 3) {
        pos = this.#endOfString(pos);
        continue;
      }
      pos++;
      if (mark === 1) {
        if (++depth > maxDepth) throw invalid(`the JSON nests deeper than ${maxDepth} levels`);
      } else if (--depth === outerDepth) {
        return pos;
      }
    }
    throw invalid("the JSON ends inside brackets");
  }

  /** Numbers, true, false, null: up to the next structural byte. */
  #endOfWord(from: number): number {
    let pos = from;
    while (pos < this.#end) {
      const byte = this.#bytes[pos] as number;
      if (byte === COMMA || MARK[byte] !== 0 || byte <= 0x20) break;
      pos++;
    }
    if (pos === from) throw this.#unexpected("a value");
    return pos;
  }

  /** The position after the closing quote of the string that opens at `from`. */
  #endOfString(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let pos = from + 1;
    while (pos < end) {
      const byte = bytes[pos];
      if (byte === QUOTE) return pos + 1;
      pos += byte === BACKSLASH ? 2 : 1;
    }
    throw invalid("the JSON ends inside a string");
  }

  #peek(): number | undefined {
    this.#pos = skipSpace(this.#bytes, this.#pos, this.#end);
    return this.#bytes[this.#pos];
  }

  #unexpected(wanted: string): Error {
    const came = describeByte(this.#bytes[this.#pos]);
    return invalid(`the JSON is malformed: expected ${wanted} at byte ${this.#pos}, got ${came}`);
  }
}
