import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_PRIORITY } from "../../../protocols/core/schedule.ts";
import type { Signature } from "../../../protocols/core/signature.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { inspectModel } from "../../../protocols/onnx/inspect-model.ts";
import type { LoadedVersion, Loader, VetReport } from "../../models/loader.ts";
import type { Job, ServableInfo } from "../../models/servable.ts";
import { connectServable, type EngineChannel } from "../connect.ts";
import type { ConnectedServable } from "../connected-servable.ts";

export const MAX_BATCH_ROWS = 16;

export interface LoadShape {
  /** null: nothing is known that could be run to warm up. */
  readonly sampleMs: number | null;
  readonly isBatchable: boolean;
  readonly signature: Signature;
}

export interface Opened {
  readonly loaded: LoadedVersion<EngineChannel>;
  readonly client: ConnectedServable;
}

let loads = 0;

export async function openModel(
  engine: Loader<EngineChannel>,
  folder: string,
  bytes: Uint8Array,
  options: Partial<LoadShape>,
): Promise<Opened> {
  loads += 1;
  const directory = mkdtempSync(join(folder, "version-"));
  writeFileSync(join(directory, "model.onnx"), bytes);
  const signature = options.signature ?? inspectModel(bytes).signature;
  const isBatchable = options.isBatchable ?? false;
  const report: VetReport = {
    signature,
    isBatchable,
    sampleMs: options.sampleMs ?? null,
    goldenCount: 0,
    peakRssBytes: 0,
    loadedBytes: 0,
  };
  const key = `m/${loads}`;
  const id = { model: "m", version: loads };
  const version = { directory, manifestSha256: "", hints: null };
  const loaded = await engine.load(
    { key, id, version, report, maxBatchRows: MAX_BATCH_ROWS },
    () => undefined,
  );
  const info: ServableInfo = {
    key,
    id,
    platform: "onnx_onnxv1",
    signature,
    batching: isBatchable ? { maxRows: MAX_BATCH_ROWS } : null,
    maxQueue: 1000,
    slot: 1,
  };
  const client = connectServable(info, loaded.connect().channel);
  return { loaded, client };
}

export async function closeOpened(opened: Opened): Promise<void> {
  opened.client.close();
  await opened.loaded.unload();
}

export function jobOf(inputs: readonly Tensor[]): Job {
  return { inputs, outputs: ["y"], deadlineEpochMs: null, priority: DEFAULT_PRIORITY };
}

export function floats(name: string, shape: readonly number[]): Tensor {
  const length = shape.reduce((product, dim) => product * dim, 1);
  return { name, datatype: "FP32", shape, data: Float32Array.from({ length }, (_, i) => i) };
}

export function row(value: number): Tensor {
  return { name: "x", datatype: "FP32", shape: [1, 4], data: new Float32Array(4).fill(value) };
}

export function slowJob(client: ConnectedServable): Job {
  const { inputs, outputs } = client.info.signature;
  return {
    inputs: inputs.map((t) =>
      floats(
        t.name,
        t.shape.map((dim) => (dim === -1 ? 1 : dim)),
      ),
    ),
    outputs: outputs.map((t) => t.name),
    deadlineEpochMs: null,
    priority: DEFAULT_PRIORITY,
  };
}
