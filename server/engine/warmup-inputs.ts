import type { Tensor } from "../../protocols/core/tensor.ts";
import type { LoadOptions } from "../models/loader.ts";
import { readGolden } from "./golden.ts";
import { sampleInputs, ZEROS } from "./sample-inputs.ts";

/** A golden request, else zeros where vetting found that the graph takes them; null: neither. */
export function warmupInputs({ version, report }: LoadOptions): readonly Tensor[] | null {
  const [golden] = readGolden(version.directory);
  if (golden !== undefined) return golden.inputs;
  return report.sampleMs === null ? null : sampleInputs(report.signature, ZEROS);
}
