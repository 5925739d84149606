import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataEngine, quoteText } from "../../datasets/duckdb.ts";
import type { JobContext } from "../../jobs/job.ts";
import type { GradientBoostingConfig, ModelConfig } from "../../project/project.ts";
import type { TrainSpec } from "../train-spec.ts";

export const BOOSTING: GradientBoostingConfig = {
  kind: "gradientBoosting",
  trees: 30,
  learningRate: 0.1,
  maxLeaves: 8,
  minLeafRows: 20,
  l2: 1,
  rowRatio: 1,
  columnRatio: 1,
  earlyStoppingRounds: 10,
  seed: 1,
};

/** A training job in folders of its own, on rows that SQL makes. */
export interface TrainKit {
  readonly folder: string;
  readonly metrics: {
    readonly key: string;
    readonly value: number;
    readonly step: number | null;
  }[];
  readonly logged: string[];
  readonly paused: string[];
  /** Writes the rows of a query as one more file of the dataset. */
  addFile(query: string): Promise<void>;
  spec(config?: Partial<ModelConfig>, rest?: Partial<TrainSpec>): TrainSpec;
  context(rest?: Partial<JobContext>): JobContext;
  /** Runs SQL over files of the job's folder: `$NAME` is the path of the file NAME. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

/** 3,000 rows, a day apart: `y` says whether `x` is above 0.5 or `town` is 'a', but for some. */
export const SOME_ROWS = `SELECT TIMESTAMP '2020-01-01' + to_days(CAST(i AS INTEGER)) AS at,
    CASE WHEN i % 50 = 0 THEN NULL ELSE (i * 7919 % 1000) / 1000 END AS x,
    CASE WHEN i % 40 = 0 THEN NULL WHEN i > 2900 AND i % 7 = 0 THEN 'new'
      ELSE chr(CAST(97 + i * 104729 % 5 AS INTEGER)) END AS town,
    i % 3 AS n,
    ((i * 7919 % 1000) > 500 OR i * 104729 % 5 = 0) <> (i * 31 % 17 = 0) AS y
  FROM range(3000) AS t(i)`;

export async function createTrainKit(): Promise<TrainKit> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-train-"));
  const data = await mkdtemp(join(tmpdir(), "sluice-train-data-"));
  const files: string[] = [];
  const metrics: TrainKit["metrics"] = [];
  const logged: string[] = [];
  const paused: string[] = [];
  const withEngine = async <T>(work: (rows: (sql: string) => Promise<T>) => Promise<T>) => {
    const engine = await openDataEngine({ folders: [folder, data] });
    try {
      return await work((sql) => engine.rows(sql) as Promise<T>);
    } finally {
      engine.close();
    }
  };
  return {
    folder,
    metrics,
    logged,
    paused,
    async addFile(query) {
      const path = join(data, `${files.length}.parquet`);
      await withEngine((rows) => rows(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet)`));
      files.push(path);
    },
    spec: (config, rest) => ({
      model: "m",
      config: {
        dataset: "d",
        target: "y",
        task: "binary",
        features: ["x", "town", "n"],
        trainer: BOOSTING,
        minRows: 1000,
        ...config,
      },
      timeColumn: "at",
      keyColumns: [],
      dataset: { name: "d", version: 1 },
      files: files.map((path, index) => ({
        path,
        sha256: "",
        bytes: 0,
        rows: 0,
        batchId: `${index}`,
      })),
      command: null,
      ...rest,
    }),
    context: (rest) => ({
      folder,
      runId: "run-1",
      env: {},
      metric: (key, value, step) => metrics.push({ key, value, step: step ?? null }),
      log: (message, fields) => logged.push(`${message} ${JSON.stringify(fields ?? {})}`),
      pause: async (point) => {
        paused.push(point);
      },
      signal: new AbortController().signal,
      ...rest,
    }),
    query: (sql) =>
      withEngine((rows) =>
        rows(sql.replaceAll(/\$([\w/.]+)/g, (_, name: string) => quoteText(join(folder, name)))),
      ),
    async close() {
      await rm(folder, { recursive: true, force: true });
      await rm(data, { recursive: true, force: true });
    },
  };
}
