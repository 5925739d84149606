const MAX_VALUES = 200;
const OTHERS = "(others)";

/** Keeps the values of one label bounded: names beyond the first 200 are counted together. */
export class LabelBound {
  readonly #known = new Set<string>();
  readonly #max: number;

  constructor(max = MAX_VALUES) {
    this.#max = max;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#max) return OTHERS;
    this.#known.add(value);
    return value;
  }
}
