import type { DatasetConfig } from "../project/project.ts";
import { runKey } from "./run-key.ts";

/**
 * What a check goes by, as a text to compare: the contract's version and all of the project file that
 * can change a verdict. A batch quarantined under other rules than those of now is checked again.
 * @param contractVersion 0: there is no contract yet
 */
export function checkRules(contractVersion: number, { contract, key }: DatasetConfig): string {
  return runKey(
    contractVersion,
    contract?.columns ?? null,
    contract?.minRows ?? null,
    contract?.level ?? "fail",
    key ?? null,
  );
}
