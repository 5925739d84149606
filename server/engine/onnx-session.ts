import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { arrayOf, type Datatype, type NumericData } from "../../protocols/core/datatype.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor, TensorData } from "../../protocols/core/tensor.ts";
import type { OnnxSession, SessionKind } from "./session-kind.ts";

/**
 * The only file that knows onnxruntime-node. Its create() and run() are synchronous native calls:
 * they block the calling thread, and ending that thread while one is in flight aborts the process.
 * REQUIRES: ORT_DISABLE_TELEMETRY=1 in the main process's environment before any thread starts.
 */

type OrtType = OrtTensor.Type;

const TO_ORT: Readonly<Partial<Record<Datatype, OrtType>>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
};

const FROM_ORT = new Map<string, Datatype>(
  Object.entries(TO_ORT).map(([datatype, type]) => [type, datatype as Datatype]),
);

const LOG_FATAL_ONLY = 4;

/** The portable engine's graphs. No bfloat16: the binding cannot carry it. */
export const portableSessions: SessionKind = {
  carries: (datatype) => TO_ORT[datatype] !== undefined,
  open: openSession,
};

async function openSession(modelPath: string, intraOpThreads: number): Promise<OnnxSession> {
  const session = await InferenceSession.create(modelPath, {
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: LOG_FATAL_ONLY,
    executionProviders: ["cpu"],
    // Threads that spin for the next run take the core that serving threads need.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  return {
    signature: {
      inputs: readMetadata(session.inputMetadata),
      outputs: readMetadata(session.outputMetadata),
    },
    run: (inputs, outputs) => runSession(session, inputs, outputs),
    release: () => session.release(),
  };
}

async function runSession(
  session: InferenceSession,
  inputs: readonly Tensor[],
  outputs: readonly string[],
): Promise<Tensor[]> {
  const feeds: Record<string, OrtTensor> = {};
  for (const input of inputs) feeds[input.name] = toOrt(input);
  const results = await session.run(feeds, outputs);
  return outputs.map((name) => fromOrt(name, results[name] as OrtTensor));
}

function readMetadata(all: readonly InferenceSession.ValueMetadata[]): Signature["inputs"] {
  return all.map((value) => {
    const datatype = value.isTensor ? FROM_ORT.get(value.type) : undefined;
    if (!value.isTensor || datatype === undefined) {
      throw new Error(`'${value.name}' is not a tensor of a datatype that this runtime can carry`);
    }
    return {
      name: value.name,
      datatype,
      shape: value.shape.map((dim) => (typeof dim === "number" && dim >= 0 ? dim : -1)),
    };
  });
}

function toOrt(tensor: Tensor): OrtTensor {
  const type = TO_ORT[tensor.datatype];
  if (type === undefined) throw new Error(`datatype ${tensor.datatype} cannot be carried`);
  if (type !== "float16") {
    return new OrtTensor(type, tensor.data as OrtTensor["data"], tensor.shape);
  }
  // Where there is a Float16Array (Node 24) the runtime's wrapper makes one of the bits, and its
  // native half then finds 0 bytes in it. Named late, the bits go through as they do on Node 20.
  const bits = new OrtTensor("uint16", tensor.data as Uint16Array, tensor.shape);
  return Object.assign(bits, { type });
}

function fromOrt(name: string, tensor: OrtTensor): Tensor {
  const datatype = FROM_ORT.get(tensor.type);
  if (datatype === undefined) throw new Error(`output '${name}' has datatype ${tensor.type}`);
  return { name, datatype, shape: [...tensor.dims], data: fromOrtData(datatype, tensor) };
}

function fromOrtData(datatype: Datatype, tensor: OrtTensor): TensorData {
  if (datatype === "BYTES") return tensor.data as string[];
  const data = tensor.data as NumericData;
  const ArrayType = arrayOf(datatype);
  if (data instanceof ArrayType) return data;
  return new ArrayType(data.buffer, data.byteOffset, data.length);
}
