import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataEngine, fromParquet, openDataEngine, quoteText } from "../../datasets/duckdb.ts";
import { check } from "../check.ts";
import type { CheckResult, CheckSpec } from "../check-spec.ts";
import type { BatchProfile } from "../profile.ts";

/** What a check came to, and what it left. */
export interface Checked extends CheckResult {
  readonly profile: BatchProfile;
  readonly logs: readonly string[];
  readonly points: readonly string[];
  readonly left: readonly string[];
}

/** Makes batches by SQL and checks them as the job does. Ends with `close`. */
export class CheckBench {
  readonly #root = mkdtempSync(join(tmpdir(), "sluice-check-"));
  #engine: DataEngine | null = null;
  #files = 0;

  /** Writes the rows of a SELECT; the path. */
  async batch(select: string): Promise<string> {
    const engine = await this.#open();
    this.#files += 1;
    const path = join(this.#root, `batch-${this.#files}.parquet`);
    await engine.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
    return path;
  }

  async check(path: string, fields: Partial<CheckSpec> = {}): Promise<Checked> {
    const engine = await this.#open();
    this.#files += 1;
    const folder = join(this.#root, `job-${this.#files}`);
    mkdirSync(folder);
    const described = await engine.rows(`DESCRIBE SELECT * FROM ${fromParquet([path])}`);
    const schema = described.map((row) => ({
      name: String(row["column_name"]),
      type: "text" as const,
    }));
    const logs: string[] = [];
    const points: string[] = [];
    const result = await check(
      {
        datasetName: "d",
        dataset: {},
        batch: { id: "b1", path, schema, isPartial: false },
        contract: null,
        acceptedPaths: [],
        partialPaths: [],
        ...fields,
      },
      {
        folder,
        runId: "run",
        env: {},
        metric: () => undefined,
        log: (message) => logs.push(message),
        pause: async (point) => {
          points.push(point);
        },
        signal: new AbortController().signal,
      },
    );
    const profile = JSON.parse(readFileSync(join(folder, result.profileFile), "utf8"));
    return { ...result, profile, logs, points, left: readdirSync(folder) };
  }

  close(): void {
    this.#engine?.close();
    rmSync(this.#root, { recursive: true });
  }

  async #open(): Promise<DataEngine> {
    this.#engine ??= await openDataEngine({ folders: [this.#root] });
    return this.#engine;
  }
}
