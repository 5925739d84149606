import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { parseGolden } from "../../protocols/oip-rest/golden-file.ts";
import { GOLDEN_FILE } from "../../protocols/repository/layout.ts";

/** A request and the answer that the trainer's own runtime gave. */
export interface GoldenCase {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** The golden cases of a local version; empty where it has none. @throws Error when unreadable. */
export function readGolden(directory: string): readonly GoldenCase[] {
  const path = join(directory, GOLDEN_FILE);
  return existsSync(path) ? parseGolden(readFileSync(path)) : [];
}
