import { DATATYPES, type Datatype } from "../../../protocols/core/datatype.ts";
import { GOLDEN_TENSORS } from "../../../protocols/testing/golden-bytes.ts";
import { openStore, publishTiny } from "../publish-tiny.ts";
import { identityModel, modelOf, node, value } from "../tiny-models.ts";

/** What onnxruntime-node holds. */
export const EVERYWHERE: readonly Datatype[] = DATATYPES.filter((each) => each !== "BF16");

export const inputOf = (datatype: Datatype) => `x_${datatype.toLowerCase()}`;
export const outputOf = (datatype: Datatype) => `y_${datatype.toLowerCase()}`;

/** The golden bytes of a datatype, little-endian. */
export function goldenBytes(datatype: Datatype): Buffer {
  const golden = GOLDEN_TENSORS.find((each) => each.datatype === datatype);
  if (golden === undefined) throw new Error(`no golden tensor of ${datatype}`);
  return Buffer.from(golden.hex, "hex");
}

export function goldenCount(datatype: Datatype): number {
  return GOLDEN_TENSORS.find((each) => each.datatype === datatype)?.data.length ?? 0;
}

/** The golden elements as JSON text, by hand: what a client without this code would send. */
export const GOLDEN_JSON: Readonly<Record<Datatype, string>> = {
  BOOL: "[true,false,true]",
  UINT8: "[0,255]",
  UINT16: "[1,65535]",
  UINT32: "[1,4294967295]",
  UINT64: "[1,18446744073709551615]",
  INT8: "[-1,127]",
  INT16: "[-2,32767]",
  INT32: "[-2147483648,1]",
  INT64: "[-1,9007199254740993]",
  FP16: "[1,-2.5,65504,0.1]",
  // 65504 rounds to it.
  BF16: "[1,-2.5,65536,0.1]",
  FP32: "[1,2]",
  FP64: "[1,-2.5]",
  BYTES: '["a","","é"]',
};

/**
 * every: one vector of any length in and out per datatype (BF16 not) · bf16: of that · scalar: FP32 of
 * rank 0 · rows: FP32 [batch,3], which batches.
 */
export async function publishConformanceModels(repository: string): Promise<void> {
  const store = openStore(repository);
  await publishTiny(store, "every", identitiesOf(EVERYWHERE));
  await publishTiny(store, "bf16", identitiesOf(["BF16"]));
  await publishTiny(store, "rows", identityModel("FP32"));
  const scalar = modelOf({
    nodes: [node("Identity", ["x"], ["y"])],
    inputs: [value("x", "FP32", [])],
    outputs: [value("y", "FP32", [])],
  });
  await publishTiny(store, "scalar", scalar);
}

function identitiesOf(datatypes: readonly Datatype[]): Uint8Array {
  return modelOf({
    nodes: datatypes.map((each) => node("Identity", [inputOf(each)], [outputOf(each)])),
    inputs: datatypes.map((each) => value(inputOf(each), each, [`n_${each}`])),
    outputs: datatypes.map((each) => value(outputOf(each), each, [`n_${each}`])),
  });
}
