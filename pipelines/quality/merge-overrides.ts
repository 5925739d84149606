import { Value } from "@sinclair/typebox/value";
import { JobError } from "../jobs/job-error.ts";
import {
  type ColumnContract,
  ColumnContractSchema,
  type DatasetConfig,
} from "../project/project.ts";
import type { Contract } from "./check-spec.ts";

const PARTS: readonly string[] = Object.keys(ColumnContractSchema.properties);

/**
 * The contract that is enforced: what was inferred, with the project's `contract.columns` and
 * `contract.minRows` in place of it, part by part; `null` lifts a part. `type: null` takes the column
 * out: batches may have it or not. A column that was not inferred is added; it needs a type.
 * @param version of the answer
 * @throws JobError for a part that is none, or of the wrong form, or bounds that nothing can keep
 */
export function effectiveContract(
  inferred: Contract,
  dataset: DatasetConfig,
  version: number,
): Contract {
  const columns = new Map(Object.entries(inferred.columns));
  for (const [name, overrides] of Object.entries(dataset.contract?.columns ?? {})) {
    assertParts(name, overrides);
    if (overrides["type"] === null) columns.delete(name);
    else columns.set(name, mergeColumn(name, columns.get(name), overrides));
  }
  return {
    version,
    columns: Object.fromEntries(columns),
    minRows: dataset.contract?.minRows ?? inferred.minRows,
  };
}

/** Columns that the project took out of the contract: there or not, nothing of them is checked. */
export function uncheckedColumns(dataset: DatasetConfig): ReadonlySet<string> {
  const columns = Object.entries(dataset.contract?.columns ?? {});
  return new Set(columns.filter(([, parts]) => parts["type"] === null).map(([name]) => name));
}

/** Parts of the contract that the project wrote, by column. */
export function writtenParts(dataset: DatasetConfig): ReadonlyMap<string, ReadonlySet<string>> {
  const columns = Object.entries(dataset.contract?.columns ?? {});
  return new Map(columns.map(([name, parts]) => [name, new Set(Object.keys(parts))]));
}

function assertParts(column: string, overrides: Readonly<Record<string, unknown>>): void {
  for (const part of Object.keys(overrides)) {
    if (PARTS.includes(part)) continue;
    throw new JobError(
      `contract of column '${column}': '${part}' is no part of it; expected one of ${PARTS.join(", ")}`,
    );
  }
}

function mergeColumn(
  name: string,
  inferred: ColumnContract | undefined,
  overrides: Readonly<Record<string, unknown>>,
): ColumnContract {
  const parts = Object.entries({ ...inferred, ...overrides }).filter(([, value]) => value !== null);
  const merged: unknown = Object.fromEntries(parts);
  if (!Value.Check(ColumnContractSchema, merged)) {
    const error = Value.Errors(ColumnContractSchema, merged).First();
    const part = error?.path.split("/")[1] ?? "";
    throw new JobError(
      `contract of column '${name}': '${part}': ${error?.message ?? "wrong form"}`,
    );
  }
  assertOrder(name, "min", merged.min, "max", merged.max);
  assertOrder(name, "minMean", merged.minMean, "maxMean", merged.maxMean);
  return merged;
}

function assertOrder(
  column: string,
  low: string,
  lowValue: number | undefined,
  high: string,
  highValue: number | undefined,
): void {
  if (lowValue === undefined || highValue === undefined || lowValue <= highValue) return;
  throw new JobError(
    `contract of column '${column}': '${low}' ${lowValue} is above '${high}' ${highValue} (one of them may be inferred; null lifts it)`,
  );
}
