/** One finding of `sluice doctor`. */
export interface Finding {
  readonly name: string;
  /** `warn`: it works, but not as well as it could; `fail`: `sluice serve` would not. */
  readonly state: "ok" | "warn" | "fail";
  /** What was found and, where it is not ok, why and what to do. */
  readonly text: string;
}

export function finding(name: string, state: Finding["state"], text: string): Finding {
  return { name, state, text: text.replaceAll(/\s+/g, " ").trim() };
}
