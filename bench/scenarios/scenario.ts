import type { InferInput } from "../../protocols/client/inference-client.ts";
import type { Contender } from "../contender.ts";
import type { DirectOptions } from "../direct-options.ts";
import type { GeneratorChoice } from "../generator.ts";
import type { LoadPlan, Protocol } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import type { BenchModel } from "../models/bench-model.ts";
import type { ChosenPeers } from "../peers/choose-peers.ts";
import type { Paired, Repeated } from "../run-pairs.ts";
import type { RunningServer, SluiceOptions, SluiceServer } from "../running-server.ts";
import type { Figure, Series } from "./figure.ts";

/** One question to the machine, asked the same way every time. */
export interface Scenario {
  /** Kebab-case, as `--scenario` takes it. */
  readonly name: string;
  readonly title: string;
  /** What the figures answer, one sentence. */
  readonly question: string;
  /** What the issue asks for, in words; null where it asks nothing. */
  readonly bar: string | null;
  /** Rejects when something could not be measured; the context cleans up. */
  run(context: ScenarioContext): Promise<ScenarioResult>;
}

export interface ScenarioResult {
  /** Those with a bar first. */
  readonly figures: readonly Figure[];
  readonly series: readonly Series[];
  /** What a reader must know: what was left out and why, where a peer could not run. */
  readonly notes: readonly string[];
}

/** How long and how often everything is measured; `--quick` makes all of it small. */
export interface ScenarioSettings {
  /** For tests and a first look: everything runs, nothing is precise. */
  readonly quick: boolean;
  readonly pairs: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly connections: number;
  readonly generatorThreads: number;
  readonly generator: GeneratorChoice;
  readonly protocols: readonly Protocol[];
  /** Those of bench/peers that were asked for. */
  readonly peers: ChosenPeers;
}

export interface LoadChanges {
  readonly protocol?: Protocol;
  /** In place of the settings'. */
  readonly generator?: GeneratorChoice;
  readonly connections?: number;
  /** null: closed loop, the default. */
  readonly ratePerSec?: number | null;
  readonly warmupMs?: number;
  readonly durationMs?: number;
  readonly timeoutMs?: number;
  /** Tells the server when an answer is worth nothing any more, and counts outcomes; null (default): no. */
  readonly deadlineMs?: number | null;
  /** By input name, for dimensions that the model leaves open; else 1. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** In place of the model's own or random ones. */
  readonly inputs?: readonly InferInput[];
  /** False where two versions may answer the same request, as in a swap. */
  readonly comparesValues?: boolean;
  /** Slices of the result's timeline; null (default) for none. */
  readonly sliceMs?: number | null;
}

/**
 * What a scenario may use. Everything that it started is stopped and every file removed when `run`
 * settles, also on failure or a signal. Servers get no environment but what they need, keys and
 * metrics are on as in production, and processes run on cores of their own where pinning is on.
 */
export interface ScenarioContext {
  readonly settings: ScenarioSettings;
  /** Of this scenario. */
  readonly folder: string;
  /** A line of progress. */
  log(line: string): void;

  /** Writes the model once; its path. */
  writeModel(model: BenchModel): Promise<string>;
  /** `sluice serve` on a repository of its own with the models published; resolves when all are ready. */
  startSluice(options: SluiceOptions): Promise<SluiceServer>;
  /**
   * Publishes a file as the model's next version and champion, in this process (about 20 ms for a
   * small one); does not wait for the server to take it up.
   * @returns the version
   */
  publish(server: SluiceServer, model: string, modelFile: string): Promise<number>;
  /** fastify + onnxruntime-node; JSON over HTTP only. */
  startFastify(modelFile: string, intraOpThreads: number | null): Promise<RunningServer>;
  /** uWebSockets.js alone: reads each body, answers what `server` answers to the plan's first request. */
  startEcho(server: RunningServer, plan: LoadPlan): Promise<RunningServer>;
  /** A server of bench/peers. Rejects with the reason when it cannot run here. */
  startPeer(name: string, modelFile: string, model: string): Promise<RunningServer>;
  /** ONNX Runtime without a server: through the addon where it is, else onnxruntime-node. */
  direct(options: DirectOptions): Contender;
  /** Stops one before the end; more than once does nothing. */
  stop(server: RunningServer): Promise<void>;

  /**
   * Inputs that fit the model, the same for every server.
   * @param model a name given to `writeModel` or `startSluice`
   */
  planLoad(server: RunningServer, model: string, changes?: LoadChanges): LoadPlan;
  /** One run; its result has the figures of the server's processes. */
  measure(name: string, server: RunningServer, plan: LoadPlan): Promise<LoadResult>;
  /** `measure`, to be paired. */
  contender(name: string, server: RunningServer, plan: LoadPlan): Contender;
  /**
   * Measures both `settings.pairs` times in turn, changing who goes first, and waits for a quiet
   * machine before each; says in `noisyPairs` how often that was in vain.
   */
  pairs<O, T>(ours: Contender<O>, theirs: Contender<T>): Promise<Paired<O, T>>;
  /** The same for one side. */
  repeat<T>(contender: Contender<T>): Promise<Repeated<T>>;
}
