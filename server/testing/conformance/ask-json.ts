import { InferError } from "../../../protocols/core/status.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { decodeRestResponse } from "../../../protocols/oip-rest/client-codec.ts";
import type { OnnxCase } from "./onnx-case.ts";
import { valueAt } from "./tensor-match.ts";

/**
 * Asks in JSON that is written here, not by the codec under test; NaN and infinities as strings.
 * @returns the outputs; rejects with the server's words for anything but 200
 */
export async function askInJson(url: string, each: OnnxCase): Promise<readonly Tensor[]> {
  const outputs = each.outputs.map(({ name }) => `{"name":${JSON.stringify(name)}}`);
  const reply = await fetch(`${url}/v2/models/${each.name}/infer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"parameters":{"json_non_finite":"string"},"inputs":[${each.inputs.map(writeTensor)}],"outputs":[${outputs}]}`,
  });
  const body = new Uint8Array(await reply.arrayBuffer());
  if (reply.status !== 200) throw new InferError("internal", new TextDecoder().decode(body));
  return decodeRestResponse(body, null).outputs;
}

function writeTensor(tensor: Tensor): string {
  const { name, datatype, shape, data } = tensor;
  const elements = Array.from({ length: data.length }, (_, i) => writeElement(tensor, i));
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}],"data":[${elements}]}`;
}

function writeElement(tensor: Tensor, i: number): string {
  const value = valueAt(tensor, i);
  if (tensor.datatype === "BOOL") return String(value === 1);
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "number" && !Number.isFinite(value) ? `"${value}"` : String(value);
}
