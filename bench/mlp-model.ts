import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";
import { randomStream } from "./random.ts";

const WIDTHS = [20, 64, 64, 2] as const;

/**
 * The model of the recorded figures, as ONNX bytes: FP32 "x" [batch,20] to "y" [batch,2] through
 * two ReLU layers of 64. So small that a run measures the server and not the model.
 */
export function mlpModel(): Uint8Array {
  const random = randomStream(1);
  const nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
  const initializers: MessageInitShape<typeof TensorProtoSchema>[] = [];
  for (let layer = 1; layer < WIDTHS.length; layer += 1) {
    const rows = WIDTHS[layer - 1] ?? 0;
    const columns = WIDTHS[layer] ?? 0;
    const isLast = layer === WIDTHS.length - 1;
    const scale = Math.sqrt(2 / rows);
    initializers.push(
      weights(`w${layer}`, [rows, columns], () => (random() * 2 - 1) * scale),
      weights(`b${layer}`, [columns], random),
    );
    nodes.push({
      opType: "Gemm",
      input: [layer === 1 ? "x" : `r${layer - 1}`, `w${layer}`, `b${layer}`],
      output: [isLast ? "y" : `h${layer}`],
    });
    if (!isLast) nodes.push({ opType: "Relu", input: [`h${layer}`], output: [`r${layer}`] });
  }
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sluice-bench",
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "mlp",
      node: nodes,
      initializer: initializers,
      input: [rowsOf("x", WIDTHS[0])],
      output: [rowsOf("y", WIDTHS[3])],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

function weights(
  name: string,
  dims: readonly number[],
  next: () => number,
): MessageInitShape<typeof TensorProtoSchema> {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, next);
  return {
    name,
    dataType: TensorProto_DataType.FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(data.buffer),
  };
}

function rowsOf(name: string, columns: number): MessageInitShape<typeof ValueInfoProtoSchema> {
  return {
    name,
    type: {
      value: {
        case: "tensorType",
        value: {
          elemType: TensorProto_DataType.FLOAT,
          shape: {
            dim: [
              { value: { case: "dimParam", value: "batch" } },
              { value: { case: "dimValue", value: BigInt(columns) } },
            ],
          },
        },
      },
    },
  };
}
