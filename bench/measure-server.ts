import { createGrpcClient } from "../protocols/client/grpc-client.ts";
import { createHttpClient } from "../protocols/client/http-client.ts";
import type { InferInput, ModelDescription } from "../protocols/client/inference-client.ts";
import type { ModelRef } from "../protocols/core/infer.ts";
import { createInputPool } from "./input-pool.ts";
import type { Endpoints, LoadPlan, Protocol } from "./load-plan.ts";
import type { LoadResult } from "./load-result.ts";
import type { BenchIo, BenchOptions } from "./options.ts";
import { readInputs } from "./read-inputs.ts";
import { runLoad, type ShowProgress } from "./run-load.ts";

/** What is sent in every run, whatever the protocol and the server. */
export interface Workload {
  readonly description: ModelDescription;
  readonly inputs: readonly InferInput[];
}

/** Measures one running server over each protocol that was asked for, one after another. */
export async function measureServer(options: BenchOptions, io: BenchIo): Promise<LoadResult[]> {
  const endpoints = { url: options.url, grpc: options.grpc };
  const model = { name: options.model ?? "", version: options.version };
  const workload = await prepareWorkload(endpoints, model, options);
  const results: LoadResult[] = [];
  for (const protocol of options.protocols) {
    const plan = planLoad(protocol, endpoints, model, workload, options);
    const progress = progressLine(protocol, plan, io);
    results.push(await runLoad(protocol, plan, options.generatorThreads, progress));
  }
  return results;
}

/** Asks the server what the model takes, and makes or reads inputs that fit. */
export async function prepareWorkload(
  endpoints: Endpoints,
  model: ModelRef,
  options: BenchOptions,
): Promise<Workload> {
  const description = await describeModel(endpoints, model, options);
  const inputs =
    options.inputFile === null
      ? createInputPool(description, options.shapes)
      : await readInputs(options.inputFile);
  return { description, inputs };
}

export function planLoad(
  protocol: Protocol,
  endpoints: Endpoints,
  model: ModelRef,
  workload: Workload,
  options: BenchOptions,
): LoadPlan {
  const { ratePerSec, warmupMs, durationMs, timeoutMs } = options;
  return {
    protocol,
    endpoints,
    apiKey: options.apiKey,
    timeoutMs,
    model,
    outputs: expectedOutputs(workload),
    inputs: workload.inputs,
    comparesValues: options.verify,
    connections: options.connections,
    shape: {
      ratePerSec,
      warmupMs,
      durationMs,
      graceMs: Math.min(timeoutMs, durationMs),
      poolSize: workload.inputs.length,
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
  endpoints: Endpoints,
  model: ModelRef,
  options: BenchOptions,
): Promise<ModelDescription> {
  const { apiKey, timeoutMs } = options;
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

function progressLine(name: string, plan: LoadPlan, io: BenchIo): ShowProgress {
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
