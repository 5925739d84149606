import type { Datatype } from "../core/datatype.ts";
import type { InferError } from "../core/status.ts";
import { invalid, quote } from "./invalid.ts";
import { CLOSE_ARRAY, COMMA, describeByte, skipSpace } from "./json-bytes.ts";
import type { NonFiniteForm } from "./non-finite.ts";

/** What the scanner must know of a tensor before its data. */
export interface TensorHead {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly count: number;
}

/** What may stand in the data of a tensor beside values of its datatype. */
export interface DataReading {
  /** Of a request: null stands for a missing value, where the datatype has one; small arrays share memory. */
  readonly isInput: boolean;
  /** In place of a float. */
  readonly nonFinite: readonly NonFiniteForm[];
}

const NULL = "null";

/** A place in the text of one tensor's `data`, and the errors that name it. */
export class JsonCursor {
  readonly bytes: Buffer;
  /** The first byte after the data; nothing of the tensor is read at or past it. */
  readonly end: number;
  readonly head: TensorHead;
  pos: number;
  /** An element was null. */
  hasNull = false;
  readonly #reading: DataReading;

  constructor(bytes: Buffer, start: number, end: number, head: TensorHead, reading: DataReading) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
    this.head = head;
    this.#reading = reading;
  }

  /** The next byte that is not white space, or 0 at the end. */
  peek(): number {
    const byte = this.bytes[this.pos];
    if (byte !== undefined && byte > 0x20 && this.pos < this.end) return byte;
    this.pos = skipSpace(this.bytes, this.pos, this.end);
    return this.pos < this.end ? (this.bytes[this.pos] as number) : 0;
  }

  /** Steps to item `index` of an array, over the comma before it; gives its first byte. */
  step(index: number, element: number): number {
    if (index > 0) {
      if (this.bytes[this.pos] !== COMMA) this.#findComma(element);
      this.pos++;
    }
    return this.peek();
  }

  #findComma(element: number): void {
    const byte = this.peek();
    if (byte === CLOSE_ARRAY) throw this.wrongCount();
    if (byte !== COMMA) throw this.unexpected("',' or ']'", element);
  }

  /** Steps over the bracket that ends a row or a level. */
  close(element: number): void {
    const byte = this.peek();
    if (byte !== CLOSE_ARRAY) {
      throw byte === COMMA ? this.wrongCount() : this.unexpected("']'", element);
    }
    this.pos++;
  }

  wrongCount(): InferError {
    const { shape, count } = this.head;
    return this.fail(
      `the data does not fill shape [${shape.join(",")}] exactly (${count} elements, flat or nested like the shape)`,
    );
  }

  /** Steps over null where element `index` should stand. @throws InferError where it may not, or is not there */
  stepOverNull(index: number): void {
    if (!this.#reading.isInput || !this.#isAt(NULL)) throw this.badElement(index);
    this.hasNull = true;
    this.pos += NULL.length;
  }

  /** The same for a float, or steps over what stands for one that is not finite. @returns it; NaN for null */
  takeNonFinite(index: number): number {
    for (const { text, value } of this.#reading.nonFinite) {
      if (!this.#isAt(text)) continue;
      this.pos += text.length;
      return value;
    }
    this.stepOverNull(index);
    return Number.NaN;
  }

  #isAt(text: string): boolean {
    const end = Math.min(this.pos + text.length, this.end);
    return this.bytes.toString("latin1", this.pos, end) === text;
  }

  /** Something other than an element of the datatype stands where element `index` should. */
  badElement(index: number): InferError {
    if (this.#isAt(NULL)) {
      return this.fail(
        `element ${index} is null; ${this.head.datatype} has no missing values here`,
      );
    }
    return this.unexpected(`a ${this.head.datatype} value`, index);
  }

  unexpected(wanted: string, index: number): InferError {
    const came = describeByte(this.pos < this.end ? this.bytes[this.pos] : undefined);
    return this.fail(`expected ${wanted} at element ${index}, got ${came}`);
  }

  fail(problem: string): InferError {
    return invalid(`tensor ${quote(this.head.name)}: ${problem}`);
  }
}
