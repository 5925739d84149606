import type { Tensor } from "./tensor.ts";

/** A request, response or tensor parameter (Open Inference Protocol "parameters"). */
export type ParameterValue = string | number | bigint | boolean;
export type Parameters = ReadonlyMap<string, ParameterValue>;

export const NO_PARAMETERS: Parameters = new Map();

/** An output that the client asked for; its parameters steer only how the answer is encoded. */
export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** An inference request free of any wire form. */
export interface InferRequest {
  /** Echoed in the response when not null. */
  readonly id: string | null;
  readonly parameters: Parameters;
  readonly inputs: readonly Tensor[];
  /** null: all outputs of the model, in signature order. */
  readonly outputs: readonly RequestedOutput[] | null;
  /** The request carried typed (not raw) tensor contents; only gRPC answers differ by it. */
  readonly isTyped: boolean;
}

export interface InferResponse {
  readonly modelName: string;
  /** The version that computed this answer, never an alias. */
  readonly modelVersion: string;
  readonly id: string | null;
  readonly parameters: Parameters;
  /** In the order asked for. */
  readonly outputs: readonly Tensor[];
}

/** A model, and the version number or alias asked for (null: the default alias). */
export interface ModelRef {
  readonly name: string;
  readonly version: string | null;
}
