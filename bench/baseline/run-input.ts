/** Runs input `index` of the plan; a promise where the binding gives one. */
export type RunInput = (index: number) => unknown;
