import { isUtf8 } from "node:buffer";
import type { Limits } from "../core/limits.ts";
import { invalid } from "./invalid.ts";
import {
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
  bytes: Buffer,
  tensorsKey: "inputs" | "outputs",
  limits: Limits,
): SplitJson {
  if (!isUtf8(bytes)) throw invalid("the JSON is not valid UTF-8");
  const splitter = new Splitter(bytes, tensorsKey, limits.maxJsonDepth);
  splitter.run();
  return { root: parseWithout(bytes, splitter.ranges), data: splitter.ranges };
}

function parseWithout(bytes: Buffer, ranges: readonly (DataRange | null)[]): unknown {
  let text = "";
  let from = 0;
  for (const range of ranges) {
    if (range === null) continue;
    text += `${bytes.toString("utf8", from, range.start)}null`;
    from = range.end;
  }
  text += bytes.toString("utf8", from, bytes.byteLength);
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

const MARKED = [CLOSE_ARRAY, QUOTE, OPEN_ARRAY, CLOSE_OBJECT, OPEN_OBJECT];
/** Bytes that are looked at one by one before native searches pay. */
const SHORT_RUN = 64;

class Splitter {
  readonly ranges: (DataRange | null)[] = [];
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #tensorsKey: string;
  readonly #maxDepth: number;
  /** By kind of mark, the first at or after the place where it was last searched. */
  readonly #nextMarks = MARKED.map(() => -1);
  #pos = 0;
  #isTensorsSeen = false;

  constructor(bytes: Buffer, tensorsKey: string, maxDepth: number) {
    this.#bytes = bytes;
    this.#end = bytes.byteLength;
    this.#tensorsKey = tensorsKey;
    this.#maxDepth = maxDepth;
  }

  run(): void {
    if (this.#peek() !== OPEN_OBJECT) {
      throw invalid(`expected a JSON object, got ${describeByte(this.#bytes[this.#pos])}`);
    }
    this.#members(this.#tensorsKey, 1, () => this.#tensors());
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
    this.#members("data", 3, () => {
      this.#peek();
      const start = this.#pos;
      this.#skipValue(3);
      if (this.ranges[index] !== null) {
        throw invalid(`${this.#tensorsKey}[${index}].data is given twice`);
      }
      this.ranges[index] = { start, end: this.#pos };
    });
  }

  /**
   * Walks an object that sits inside `depth` brackets, its own included, from its opening brace.
   * `take` must step over the value of the key `wanted`; the others are skipped.
   */
  #members(wanted: string, depth: number, take: () => void): void {
    this.#pos++;
    if (this.#peek() === CLOSE_OBJECT) {
      this.#pos++;
      return;
    }
    do {
      if (this.#peek() !== QUOTE) throw this.#unexpected("a member name");
      const isWanted = this.#isKey(wanted);
      if (this.#peek() !== COLON) throw this.#unexpected("':'");
      this.#pos++;
      if (isWanted) take();
      else this.#skipValue(depth);
    } while (this.#isNext(CLOSE_OBJECT));
  }

  /** After a value: true past a comma, false past the closing bracket. */
  #isNext(close: number): boolean {
    const byte = this.#peek();
    if (byte !== COMMA && byte !== close) throw this.#unexpected("',' or a closing bracket");
    this.#pos++;
    return byte === COMMA;
  }

  /** Steps over a member name and says whether it is `wanted`, escapes resolved. */
  #isKey(wanted: string): boolean {
    const bytes = this.#bytes;
    const start = this.#pos + 1;
    this.#pos = this.#endOfString(this.#pos);
    const length = this.#pos - 1 - start;
    if (length > wanted.length * 6) return false;
    for (let i = 0; i < length; i++) {
      if (bytes[start + i] === BACKSLASH) return this.#isEscapedKey(wanted, start - 1);
      if (bytes[start + i] !== wanted.charCodeAt(i)) return false;
    }
    return length === wanted.length;
  }

  #isEscapedKey(wanted: string, start: number): boolean {
    try {
      return JSON.parse(this.#bytes.toString("utf8", start, this.#pos)) === wanted;
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
        pos = this.#endOfRun(pos + 1);
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

  /** Steps over bytes that mean nothing to a bracket counter. */
  #endOfRun(from: number): number {
    const bytes = this.#bytes;
    const stop = Math.min(from + SHORT_RUN, this.#end);
    let pos = from;
    while (pos < stop) {
      if (MARK[bytes[pos] as number] !== 0) return pos;
      pos++;
    }
    return this.#nextMark(pos);
  }

  /** Every byte is searched once for each kind of mark, so that the cost stays linear. */
  #nextMark(pos: number): number {
    const next = this.#nextMarks;
    let nearest = this.#end;
    for (let i = 0; i < MARKED.length; i++) {
      if ((next[i] as number) < pos) {
        const at = this.#bytes.indexOf(MARKED[i] as number, pos);
        next[i] = at === -1 ? this.#end : at;
      }
      nearest = Math.min(nearest, next[i] as number);
    }
    return nearest;
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
