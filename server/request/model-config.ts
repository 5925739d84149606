import type { Datatype } from "../../protocols/core/datatype.ts";
import type { TensorSignature } from "../../protocols/core/signature.ts";
import type { ServableInfo } from "../models/servable.ts";

/**
 * A version as Triton's ModelConfig (model_config.proto), snake_case, every member that load tools look
 * at present: perf_analyzer and model_analyzer read the batch size, the scheduling and `decoupled` here.
 */
export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly version_policy: { readonly specific: { readonly versions: readonly number[] } };
  /** 0: requests are computed one by one, and dims hold every dimension. */
  readonly max_batch_size: number;
  readonly input: readonly ConfigTensor[];
  readonly output: readonly ConfigTensor[];
  readonly dynamic_batching?: {
    readonly preferred_batch_size: readonly number[];
    readonly max_queue_delay_microseconds: number;
  };
  readonly instance_group: readonly never[];
  readonly default_model_filename: string;
  readonly parameters: Readonly<Record<string, never>>;
  readonly model_warmup: readonly never[];
  readonly model_transaction_policy: { readonly decoupled: boolean };
}

interface ConfigTensor {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
}

export function modelConfig(info: ServableInfo): ModelConfig {
  const { signature, id, platform } = info;
  const tensors = [...signature.inputs, ...signature.outputs];
  // Triton leaves the batch out of dims; that needs one in front of every tensor.
  const isBatched = info.batching !== null && tensors.every(({ shape }) => shape[0] === -1);
  const tensorOf = ({ name, datatype, shape }: TensorSignature) => ({
    name,
    data_type: typeOf(datatype),
    dims: isBatched ? shape.slice(1) : shape,
  });
  return {
    name: id.model,
    platform,
    backend: "onnxruntime",
    version_policy: { specific: { versions: [id.version] } },
    max_batch_size: isBatched ? (info.batching?.maxRows ?? 0) : 0,
    input: signature.inputs.map((each) => ({
      ...tensorOf(each),
      format: "FORMAT_NONE",
      is_shape_tensor: false,
      allow_ragged_batch: false,
      optional: false,
    })),
    output: signature.outputs.map((each) => ({
      ...tensorOf(each),
      label_filename: "",
      is_shape_tensor: false,
    })),
    ...(isBatched && {
      dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: 0 },
    }),
    instance_group: [],
    default_model_filename: "model.onnx",
    parameters: {},
    model_warmup: [],
    model_transaction_policy: { decoupled: false },
  };
}

function typeOf(datatype: Datatype): string {
  return datatype === "BYTES" ? "TYPE_STRING" : `TYPE_${datatype}`;
}
