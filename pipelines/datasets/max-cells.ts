/** Values, rows times columns, that a job takes into memory at once: numbers are 8 bytes each, texts more. */
export const MAX_CELLS = 100_000_000;
