import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InferInput, ModelDescription } from "../../protocols/client/inference-client.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { askOnce } from "../ask-once.ts";
import { bestDirectBinding, type Contender, directContender } from "../contender.ts";
import type { DirectOptions } from "../direct-options.ts";
import { createInputPool } from "../input-pool.ts";
import type { LoadPlan } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import type { MachineGuard } from "../machine/machine-guard.ts";
import { describeNoise } from "../machine/noise.ts";
import type { Pinning } from "../machine/pinning.ts";
import type { BenchModel } from "../models/bench-model.ts";
import { runLoad } from "../run-load.ts";
import { type Paired, type Repeated, runPairs, runRepeats } from "../run-pairs.ts";
import type { RunningServer, SluiceOptions, SluiceServer } from "../running-server.ts";
import { startEcho, startFastify } from "../start-baselines.ts";
import { startPeerServer } from "../start-peer.ts";
import { publishFile, startSluice } from "../start-sluice.ts";
import type { LoadChanges, ScenarioContext, ScenarioSettings } from "./scenario.ts";

interface KnownModel {
  readonly description: ModelDescription;
  readonly inputs: BenchModel["inputs"];
}

/** What all scenarios of a run share. */
export interface BenchRoom {
  readonly settings: ScenarioSettings;
  readonly pinning: Pinning;
  readonly guard: MachineGuard;
  log(line: string): void;
}

/** The context of one scenario; `close` when it has settled. */
export class BenchContext implements ScenarioContext {
  readonly settings: ScenarioSettings;
  readonly folder: string;
  /** Every load in the order it was measured. */
  readonly runs: LoadResult[] = [];
  readonly #room: BenchRoom;
  readonly #servers = new Set<RunningServer>();
  readonly #sluices: SluiceServer[] = [];
  /** By the name that it is served under. */
  readonly #models = new Map<string, KnownModel>();
  readonly #inputsByFile = new Map<string, BenchModel["inputs"]>();
  #homes = 0;

  /** @param folder empty; the caller removes it after `close` */
  constructor(room: BenchRoom, folder: string) {
    this.#room = room;
    this.settings = room.settings;
    this.folder = folder;
  }

  log(line: string): void {
    this.#room.log(line);
  }

  async writeModel(model: BenchModel): Promise<string> {
    const file = join(this.folder, `${model.name}.onnx`);
    if (!this.#inputsByFile.has(file)) {
      await writeFile(file, model.bytes());
      this.#inputsByFile.set(file, model.inputs);
      await this.#know(model.name, file);
    }
    return file;
  }

  async startSluice(options: SluiceOptions): Promise<SluiceServer> {
    for (const [name, file] of Object.entries(options.models)) await this.#know(name, file);
    const cores = (options.isPinned ?? true) ? this.#room.pinning.server : null;
    const server = this.#keep(await startSluice(options, await this.#newHome(), cores));
    this.#sluices.push(server);
    return server;
  }

  publish(server: SluiceServer, model: string, modelFile: string): Promise<number> {
    return publishFile(server.repository, model, modelFile);
  }

  async startFastify(modelFile: string, intraOpThreads: number | null): Promise<RunningServer> {
    return this.#keep(await startFastify(modelFile, intraOpThreads, this.#room.pinning.server));
  }

  async startEcho(server: RunningServer, plan: LoadPlan): Promise<RunningServer> {
    const answer = await askOnce(server, plan);
    return this.#keep(await startEcho(answer, this.#room.pinning.server));
  }

  async startPeer(name: string, modelFile: string, model: string): Promise<RunningServer> {
    return this.#keep(
      await startPeerServer(name, modelFile, model, this.#room.pinning.server, this.#room.log),
    );
  }

  direct(options: DirectOptions): Contender {
    const { warmupMs, durationMs } = this.settings;
    const plan = { ...options, warmupMs, durationMs, through: bestDirectBinding() };
    return this.#recorded(directContender(plan, this.#room.pinning.server));
  }

  async stop(server: RunningServer): Promise<void> {
    this.#servers.delete(server);
    await server.stop();
  }

  planLoad(server: RunningServer, model: string, changes: LoadChanges = {}): LoadPlan {
    const known = this.#models.get(model);
    if (known === undefined) throw new Error(`no model '${model}' was written or served`);
    const { settings } = this;
    const inputs = changes.inputs ?? inputsOf(known, changes.shapes ?? new Map());
    const timeoutMs = changes.timeoutMs ?? settings.timeoutMs;
    const durationMs = changes.durationMs ?? settings.durationMs;
    return {
      protocol: changes.protocol ?? "http-json",
      endpoints: server.endpoints,
      apiKey: server.apiKey,
      timeoutMs,
      deadlineMs: changes.deadlineMs ?? null,
      model: { name: model, version: null },
      outputs: known.description.outputs,
      inputs,
      comparesValues: changes.comparesValues ?? true,
      generator: changes.generator ?? settings.generator,
      connections: changes.connections ?? settings.connections,
      shape: {
        ratePerSec: changes.ratePerSec ?? null,
        warmupMs: changes.warmupMs ?? settings.warmupMs,
        durationMs,
        graceMs: Math.min(timeoutMs, durationMs),
        poolSize: inputs.length,
        sliceMs: changes.sliceMs ?? null,
      },
    };
  }

  measure(name: string, server: RunningServer, plan: LoadPlan): Promise<LoadResult> {
    return this.contender(name, server, plan).measure();
  }

  contender(name: string, server: RunningServer, plan: LoadPlan): Contender {
    const { generatorThreads } = this.settings;
    const measure = () => runLoad(name, plan, generatorThreads, () => undefined, server.pids);
    return this.#recorded({ name, measure });
  }

  pairs<O, T>(ours: Contender<O>, theirs: Contender<T>): Promise<Paired<O, T>> {
    const { pairs } = this.settings;
    return runPairs(ours, theirs, pairs, this.#room.guard, ({ pair, noise }) => {
      const noisy = noise.isNoisy ? `; noisy: ${describeNoise(noise)}` : "";
      this.log(`${ours.name} / ${theirs.name}: pair ${pair}/${pairs}${noisy}`);
    });
  }

  repeat<T>(contender: Contender<T>): Promise<Repeated<T>> {
    return runRepeats(contender, this.settings.pairs, this.#room.guard);
  }

  /** What the logs of our servers said last about an error: a client is told no cause. */
  lastErrors(): string[] {
    return this.#sluices.flatMap((server) => server.lastError() ?? []);
  }

  /** Stops what still runs. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => this.stop(server)));
  }

  #keep<T extends RunningServer>(server: T): T {
    this.#servers.add(server);
    return server;
  }

  #recorded(contender: Contender): Contender {
    const measure = async (): Promise<LoadResult> => {
      const result = await contender.measure();
      this.runs.push(result);
      return result;
    };
    return { name: contender.name, measure };
  }

  async #newHome(): Promise<string> {
    this.#homes += 1;
    const home = join(this.folder, `server-${this.#homes}`);
    await mkdir(home);
    return home;
  }

  async #know(name: string, file: string): Promise<void> {
    const { signature } = inspectModel(await readFile(file));
    const description = { name, versions: [], platform: "onnx", ...signature };
    this.#models.set(name, { description, inputs: this.#inputsByFile.get(file) ?? null });
  }
}

function inputsOf(
  { description, inputs }: KnownModel,
  shapes: ReadonlyMap<string, readonly number[]>,
): readonly InferInput[] {
  return inputs !== null && shapes.size === 0 ? inputs() : createInputPool(description, shapes);
}
