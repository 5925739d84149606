import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { GeneratorKind } from "../generator.ts";
import type { LoadResult } from "../load-result.ts";
import type { MachineGuard } from "../machine/machine-guard.ts";
import { planLoad, type Workload } from "../measure-server.ts";
import { median, summariseRatios } from "../ratio.ts";
import { runLoad } from "../run-load.ts";
import { type Paired, runPairs } from "../run-pairs.ts";
import type { RunningServer } from "../running-server.ts";
import { startSluice } from "../start-sluice.ts";
import type { Lab } from "./search.ts";
import type { Measured, Outcome, SideFigures } from "./trial.ts";
import type { TuneOptions } from "./tune-options.ts";
import { describeChange, flagsOf, type TunedSettings } from "./tuned-settings.ts";
import { isWarm } from "./warm-up.ts";

const MODEL = "tuned";

export interface TuneRoom {
  readonly options: TuneOptions;
  /** An ONNX file; not `mlp`. */
  readonly modelFile: string;
  readonly workload: Workload;
  /** Empty; stays the caller's to remove. */
  readonly folder: string;
  readonly guard: MachineGuard;
  /** Of `performance.now()`: nothing new is begun that would last longer. */
  readonly deadlineMs: number;
  log(line: string): void;
}

/** The candidate's fault, which ends its trial and not the search. */
class CandidateFailure extends Error {}

/**
 * Starts servers and measures them. Two at most run, the one that is not asked is idle, and the best
 * stays warm from trial to trial. They are not pinned: the settings are about all cores of the machine.
 */
export class TuneLab implements Lab {
  readonly #room: TuneRoom;
  readonly #servers = new Map<string, RunningServer>();
  #homes = 0;
  #longestMs = 0;
  /** Of the busiest generator in any run, 0-1. */
  generatorUtilization = 0;
  /** Of all loads; null before the first. */
  generator: GeneratorKind | null = null;
  /** Why it is not the native one; null where that is no loss. */
  generatorReason: string | null = null;

  constructor(room: TuneRoom) {
    this.#room = room;
  }

  hasTime(): boolean {
    // A trial, its confirmation and the last check.
    return performance.now() + 3 * this.#longestMs <= this.#room.deadlineMs;
  }

  async compare(candidate: TunedSettings, best: TunedSettings): Promise<Outcome> {
    const startMs = performance.now();
    this.#room.log(describeChange(candidate, best));
    const [ours, theirs] = [idOf(candidate), idOf(best)];
    await this.#stopAllBut([ours, theirs]);
    const bestServer = await this.#serve(best);
    try {
      const paired = await this.#measure(await this.#serveCandidate(candidate), bestServer);
      return summarise(paired);
    } catch (thrown) {
      if (!(thrown instanceof CandidateFailure)) throw thrown;
      await this.#stopAllBut([theirs]);
      return { kind: "failed", why: thrown.message };
    } finally {
      this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs);
    }
  }

  /** Stops what runs. Never rejects. */
  close(): Promise<void> {
    return this.#stopAllBut([]);
  }

  async #serve(settings: TunedSettings): Promise<RunningServer> {
    const running = this.#servers.get(idOf(settings));
    if (running !== undefined) return running;
    const { modelFile, folder } = this.#room;
    this.#homes += 1;
    const home = join(folder, `server-${this.#homes}`);
    await mkdir(home);
    const models = { [MODEL]: modelFile };
    const server = await startSluice({ models, flags: flagsOf(settings) }, home, null);
    this.#servers.set(idOf(settings), server);
    await this.#warmUp(server);
    return server;
  }

  async #warmUp(server: RunningServer): Promise<void> {
    const costs: number[] = [];
    while (!isWarm(costs)) {
      const { server: usage, throughputPerSec } = await this.#load(server);
      // CPU time suffers less than the rate from whatever else the machine does.
      costs.push(usage?.cpuUsPerAnswer ?? 1_000_000 / throughputPerSec);
    }
  }

  async #serveCandidate(settings: TunedSettings): Promise<RunningServer> {
    return this.#blameCandidate(() => this.#serve(settings));
  }

  #measure(candidate: RunningServer, best: RunningServer): Promise<Paired<LoadResult, LoadResult>> {
    const { options, guard, log } = this.#room;
    return runPairs(
      {
        name: "candidate",
        measure: () => this.#blameCandidate(() => this.#load(candidate)),
      },
      { name: "best", measure: () => this.#load(best) },
      options.pairs,
      guard,
      ({ pair, pairs, ours, theirs, noise }) => {
        const rates = `${Math.round(ours.throughputPerSec)} and ${Math.round(theirs.throughputPerSec)}`;
        log(
          `  pair ${pair}/${pairs}: ${rates} requests/s${noise.isNoisy ? "; machine noisy" : ""}`,
        );
      },
    );
  }

  async #blameCandidate<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      throw new CandidateFailure(why, { cause: thrown });
    }
  }

  /** @throws Error when a request failed, or none was answered in time */
  async #load(server: RunningServer): Promise<LoadResult> {
    const { options, workload } = this.#room;
    const { protocol, generatorThreads } = options;
    const load = { ...options, ratePerSec: null, sliceMs: null };
    const model = { name: MODEL, version: null };
    const plan = planLoad(protocol, server, model, workload, load);
    const result = await runLoad(protocol, plan, generatorThreads, () => undefined, server.pids);
    if (result.errorCount > 0) {
      throw new Error(`${result.errorCount} requests failed; the first: ${result.firstError}`);
    }
    if (result.throughputPerSec === 0) {
      throw new Error(`expected answers within ${options.durationMs} ms, came none`);
    }
    const busiest = Math.max(this.generatorUtilization, result.generatorUtilization);
    this.generatorUtilization = busiest;
    this.generator = result.generator;
    this.generatorReason = result.generatorReason;
    return result;
  }

  async #stopAllBut(kept: readonly string[]): Promise<void> {
    for (const [id, server] of this.#servers) {
      if (kept.includes(id)) continue;
      this.#servers.delete(id);
      await server.stop();
    }
  }
}

function summarise({ ours, theirs, noisyPairs }: Paired<LoadResult, LoadResult>): Measured {
  const ratioOf = (read: (result: LoadResult) => number) =>
    summariseRatios(ours.map(read), theirs.map(read), noisyPairs);
  return {
    kind: "measured",
    requestsRatio: ratioOf((result) => result.throughputPerSec),
    p99Ratio: ratioOf((result) => result.latency.p99Ms),
    candidate: figuresOf(ours),
    best: figuresOf(theirs),
  };
}

function figuresOf(results: readonly LoadResult[]): SideFigures {
  const cpu = results.flatMap((result) => result.server?.cpuUsPerAnswer ?? []);
  return {
    requestsPerSec: median(results.map((result) => result.throughputPerSec)),
    p99Ms: median(results.map((result) => result.latency.p99Ms)),
    cpuUsPerAnswer: cpu.length === 0 ? null : median(cpu),
  };
}

function idOf(settings: TunedSettings): string {
  return flagsOf(settings).join(" ");
}
