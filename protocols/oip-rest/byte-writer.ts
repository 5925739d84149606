import { QUOTE } from "./json-bytes.ts";

/** Messages of ordinary size share such a piece of memory; it lives as long as one of them. */
const SLAB_BYTES = 16 * 1024;
/** JSON.stringify is as fast for longer texts. */
const MAX_PLAIN_CHARS = 128;
/** Anything but printable ASCII, a quote or a backslash: what JSON.stringify may escape. */
const SPECIAL = /[^ !#-[\]-~]/;
/** From here on counting the bytes costs less than room for three times as many. */
const LONG_CHARS = 1024;
/** UTF-8 takes no more bytes for one UTF-16 unit. */
const MAX_UTF8_BYTES = 3;

/**
 * Writes one message after another as bytes, into memory that they share: no text is built first and
 * then copied. One a thread; a message is written within one turn.
 */
export class ByteWriter {
  #memory = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Of the memory; its own `byteLength` costs a call. */
  #capacity = SLAB_BYTES;
  #from = 0;
  #at = 0;

  /** Begins a message; one that was begun and not taken is forgotten. */
  begin(): void {
    this.#at = this.#from;
    // That of a large one that was not taken.
    if (this.#capacity > SLAB_BYTES) this.#renew();
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at - this.#from;
  }

  /** Where the next byte goes in what `reserve` gave. */
  get at(): number {
    return this.#at;
  }

  /** Memory with room for `bytes` more, to be written from `at` on; valid until the next call. */
  reserve(bytes: number): Buffer {
    if (this.#at + bytes > this.#capacity) this.#move(bytes);
    return this.#memory;
  }

  /** Counts what was written into reserved memory to the message. REQUIRES: to >= at. */
  advance(to: number): void {
    this.#at = to;
  }

  /** Back to a length that the message had. */
  truncate(length: number): void {
    this.#at = this.#from + length;
  }

  byte(value: number): void {
    this.reserve(1)[this.#at] = value;
    this.#at += 1;
  }

  bytes(values: Uint8Array): void {
    this.reserve(values.length).set(values, this.#at);
    this.#at += values.length;
  }

  /** Any text, as UTF-8. */
  text(text: string): void {
    const isLong = text.length > LONG_CHARS;
    this.reserve(isLong ? Buffer.byteLength(text) : MAX_UTF8_BYTES * text.length);
    this.#at += this.#memory.write(text, this.#at, "utf8");
  }

  /** Text that is known to be ASCII. */
  ascii(text: string): void {
    const memory = this.reserve(text.length);
    this.#at += memory.write(text, this.#at, "latin1");
  }

  /** The text as a JSON string, as JSON.stringify writes it. */
  quoted(text: string): void {
    const isPlain = text.length <= MAX_PLAIN_CHARS && !SPECIAL.test(text);
    if (!isPlain) {
      this.text(JSON.stringify(text));
      return;
    }
    this.byte(QUOTE);
    this.ascii(text);
    this.byte(QUOTE);
  }

  /** The message, which nobody writes to again. */
  take(): Uint8Array {
    const { buffer, byteOffset } = this.#memory;
    const message = new Uint8Array(buffer, byteOffset + this.#from, this.#at - this.#from);
    this.#from = this.#at;
    // Else the next small messages would keep a large one's memory alive.
    if (this.#capacity > SLAB_BYTES) this.#renew();
    return message;
  }

  /** The message as a text. REQUIRES: only ASCII was written. */
  takeAscii(): string {
    const text = this.#memory.toString("latin1", this.#from, this.#at);
    this.#at = this.#from;
    if (this.#capacity > SLAB_BYTES) this.#renew();
    return text;
  }

  #renew(): void {
    this.#memory = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#capacity = SLAB_BYTES;
    this.#from = 0;
    this.#at = 0;
  }

  /** To new memory, with the message so far: twice its length at least, that growing costs little. */
  #move(bytes: number): void {
    const { length } = this;
    // Half again as much: what grows in many steps is copied few times, and little is left over.
    this.#capacity = Math.max(SLAB_BYTES, Math.ceil(1.5 * (length + bytes)));
    const memory = Buffer.allocUnsafeSlow(this.#capacity);
    memory.set(this.#memory.subarray(this.#from, this.#at));
    this.#memory = memory;
    this.#from = 0;
    this.#at = length;
  }
}
