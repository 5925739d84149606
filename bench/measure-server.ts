import { createGrpcClient } from "../protocols/client/grpc-client.ts";
import { createHttpClient } from "../protocols/client/http-client.ts";
import type { InferInput, ModelDescription } from "../protocols/client/inference-client.ts";
import type { ModelRef } from "../protocols/core/infer.ts";
import type { ShowTotals } from "./generator.ts";
import { createInputPool } from "./input-pool.ts";
import type { LoadPlan, Protocol } from "./load-plan.ts";
import type { LoadResult } from "./load-result.ts";
import type { BenchOptions } from "./options.ts";
import type { BenchIo } from "./parse-command.ts";
import { readInputs } from "./read-inputs.ts";
import { runLoad } from "./run-load.ts";
import type { RunningServer } from "./running-server.ts";

/** What is sent in every run, whatever the protocol and the server. */
export interface Workload {
  readonly description: ModelDescription;
  readonly inputs: readonly InferInput[];
}

/** How to reach a server. */
export type Door = Pick<RunningServer, "endpoints" | "apiKey">;

type WorkloadOptions = Pick<BenchOptions, "timeoutMs" | "inputFile" | "shapes">;
type LoadOptions = Pick<
  BenchOptions,
  | "ratePerSec"
  | "warmupMs"
  | "durationMs"
  | "timeoutMs"
  | "verify"
  | "connections"
  | "sliceMs"
  | "generator"
>;

/** Measures one running server over each protocol that was asked for, one after another. */
export async function measureServer(options: BenchOptions, io: BenchIo): Promise<LoadResult[]> {
  const server = {
    endpoints: { url: options.url, grpc: options.grpc },
    apiKey: options.apiKey,
  };
  const model = { name: options.model ?? "", version: options.version };
  const workload = await prepareWorkload(server, model, options);
  const { pid } = options;
  const pids = pid === null ? null : () => [pid];
  const results: LoadResult[] = [];
  for (const protocol of options.protocols) {
    const plan = planLoad(protocol, server, model, workload, options);
    const progress = progressLine(protocol, plan, io);
    results.push(await runLoad(protocol, plan, options.generatorThreads, progress, pids));
  }
  return results;
}

/** Asks the server what the model takes, and makes or reads inputs that fit. */
export async function prepareWorkload(
  server: Door,
  model: ModelRef,
  options: WorkloadOptions,
): Promise<Workload> {
  const description = await describeModel(server, model, options.timeoutMs);
  const inputs =
    options.inputFile === null
      ? createInputPool(description, options.shapes)
      : await readInputs(options.inputFile);
  return { description, inputs };
}

export function planLoad(
  protocol: Protocol,
  server: Door,
  model: ModelRef,
  workload: Workload,
  options: LoadOptions,
): LoadPlan {
  const { ratePerSec, warmupMs, durationMs, timeoutMs } = options;
  return {
    protocol,
    endpoints: server.endpoints,
    apiKey: server.apiKey,
    timeoutMs,
    deadlineMs: null,
    model,
    outputs: expectedOutputs(workload),
    inputs: workload.inputs,
    comparesValues: options.verify,
    generator: options.generator,
    connections: options.connections,
    shape: {
      ratePerSec,
      warmupMs,
      durationMs,
      graceMs: Math.min(timeoutMs, durationMs),
      poolSize: workload.inputs.length,
      sliceMs: options.sliceMs,
    },
  };
}

/** An input file may ask for some outputs only; then all its requests must ask for the same. */
function expectedOutputs({ description, inputs }: Workload): ModelDescription["outputs"] {
  const asked = inputs[0]?.outputs ?? null;
  return asked === null
    ? description.outputs
    : description.outputs.filter((output) => asked.includes(output.name));
}

async function describeModel(
  { endpoints, apiKey }: Door,
  model: ModelRef,
  timeoutMs: number,
): Promise<ModelDescription> {
  const client =
    endpoints.url === null
      ? createGrpcClient(endpoints.grpc ?? "", { apiKey, timeoutMs })
      : createHttpClient(endpoints.url, { apiKey, timeoutMs, binary: false, maxSockets: 1 });
  try {
    return await client.describe(model);
  } finally {
    await client.close();
  }
}

function progressLine(name: string, plan: LoadPlan, io: BenchIo): ShowTotals {
  const totalSecs = Math.ceil((plan.shape.warmupMs + plan.shape.durationMs) / 1000);
  let seconds = 0;
  let before = 0;
  return (answered, errors) => {
    seconds += 1;
    const line = `${name}: ${seconds}/${totalSecs} s, ${answered - before} answers/s, ${errors} errors`;
    io.stderr.write(`${line}\n`);
    before = answered;
  };
}
