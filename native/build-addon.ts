/** Builds dist/native/sluice.node where a C++ compiler is there; says why not otherwise. */
export const PLACEHOLDER = null;
