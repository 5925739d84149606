import type { BaselineName } from "./baselines.ts";
import type { GeneratorChoice } from "./generator.ts";
import type { Protocol } from "./load-plan.ts";

/** `sluice bench`, understood and checked. */
export interface BenchOptions {
  readonly url: string | null;
  readonly grpc: string | null;
  readonly model: string | null;
  readonly version: string | null;
  readonly protocols: readonly Protocol[];
  readonly connections: number;
  /** null: closed loop. */
  readonly ratePerSec: number | null;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  readonly generatorThreads: number;
  readonly generator: GeneratorChoice;
  readonly inputFile: string | null;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
  readonly apiKey: string | null;
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  /** Set for a comparison; then the servers are started here and url, grpc and model are null. */
  readonly baseline: BaselineName | null;
  readonly modelFile: string | null;
  readonly pairs: number;
  /** null: each contender's own default. */
  readonly intraOpThreads: number | null;
  readonly htmlFile: string | null;
  /** First process of the server at `url`, when it runs here. */
  readonly pid: number | null;
  /** Slices of the timeline in the results; null: none. */
  readonly sliceMs: number | null;
  /** Generator and started servers on cores of their own. */
  readonly pins: boolean;
  /** Names, or `all`; empty: this is not about scenarios. */
  readonly scenarios: readonly string[];
  readonly listsScenarios: boolean;
  readonly quick: boolean;
  /** Peers that scenarios measure too: names, or `all`. */
  readonly peers: readonly string[];
  /** null: this is not about setting up; empty: all that can be. */
  readonly peersToSetUp: readonly string[] | null;
}
