import type { LabelRecord } from "../../protocols/capture/capture-record.ts";
import { type DataEngine, quoteText } from "../datasets/duckdb.ts";

type Appender = Awaited<ReturnType<DataEngine["connection"]["createAppender"]>>;

/** The labels of all models, in the engine's memory until they are written; in the order of coming. */
export class CollectLabels {
  readonly #engine: DataEngine;
  readonly #appender: Appender;
  #rows = 0;

  private constructor(engine: DataEngine, appender: Appender) {
    this.#engine = engine;
    this.#appender = appender;
  }

  static async create(engine: DataEngine): Promise<CollectLabels> {
    await engine.run(
      `CREATE TABLE labels (seq BIGINT, model VARCHAR, inference_id VARCHAR, "row" BIGINT, label VARCHAR, at_ms BIGINT)`,
    );
    return new CollectLabels(engine, await engine.connection.createAppender("labels"));
  }

  append({ model, inferenceId, row, label, atMs }: LabelRecord): void {
    this.#appender.appendBigInt(BigInt(this.#rows));
    this.#appender.appendVarchar(model);
    this.#appender.appendVarchar(inferenceId);
    this.#appender.appendBigInt(BigInt(row));
    this.#appender.appendVarchar(String(label));
    this.#appender.appendBigInt(BigInt(atMs));
    this.#appender.endRow();
    this.#rows += 1;
  }

  /** @returns rows written; 0: there is no file */
  async write(path: string): Promise<number> {
    this.#appender.closeSync();
    if (this.#rows === 0) return 0;
    await this.#engine.run(
      `COPY (SELECT model, inference_id, "row", label, at_ms FROM labels ORDER BY seq)
       TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    return this.#rows;
  }
}
