import { InferError } from "../../protocols/core/status.ts";

/**
 * Judges the parameters of load and unload (Triton's model_repository extension). Models come from the
 * repository as they are, so `config` and `file:…` are refused, and there are no dependents to unload.
 * @throws InferError `unsupported`
 */
export function assertSteerParameters(names: readonly string[]): void {
  for (const name of names) {
    if (name === "unload_dependents") continue;
    throw new InferError(
      "unsupported",
      `parameter ${JSON.stringify(name.slice(0, 80))} is not supported, only 'unload_dependents' is; models load from the repository as they are`,
    );
  }
}
