import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DataEngine, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import { CLOSED_AIRPORT, DAY_ROWS, dateOf, isChanged, KM_PER_MILE } from "./flight-calendar.ts";

/** What a client knows of a flight, and what became of it. */
export interface Flight {
  readonly hour: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
  /** More than a quarter of an hour. */
  readonly late: boolean;
}

const LATE_AFTER_MINUTES = 15;
/** A file that has just been written counts as growing; these are moved in whole. */
const SETTLED_MS = 5_000;
const ROWS = "flights";

/** Days of real flights (npm vega-datasets), as files that arrive in a folder. Close it. */
export class FlightDays {
  readonly #engine: DataEngine;
  readonly #source: string;
  readonly #folder: string;
  readonly #stagingFolder: string;

  private constructor(engine: DataEngine, source: string, folder: string, stagingFolder: string) {
    this.#engine = engine;
    this.#source = source;
    this.#folder = folder;
    this.#stagingFolder = stagingFolder;
  }

  /**
   * @param source the Parquet file of the flights
   * @param folder where day files arrive
   */
  static async open(source: string, folder: string): Promise<FlightDays> {
    const stagingFolder = join(dirname(folder), ".coming");
    for (const each of [folder, stagingFolder]) mkdirSync(each, { recursive: true });
    const engine = await openDataEngine({ folders: [dirname(source), stagingFolder] });
    return new FlightDays(engine, source, folder, stagingFolder);
  }

  /** How many days have arrived, the first ones. */
  get arrived(): number {
    const names = new Set(readdirSync(this.#folder));
    let day = 0;
    while (names.has(fileName(day))) day += 1;
    return day;
  }

  /** Puts a day's file into the folder, whole. */
  async arrive(day: number): Promise<void> {
    await this.#load(day);
    const staged = join(this.#stagingFolder, fileName(day));
    if (existsSync(staged)) rmSync(staged);
    await this.#engine.run(
      `COPY (SELECT ${day} * 100000 + n AS id, date, hour, distance, origin, destination, late,
         'passenger' || n || '@example.org' AS passenger_contact,
         'N' || (100 + n * 7 % 900) || 'SL' AS tail
       FROM ${ROWS} ORDER BY n) TO ${quoteText(staged)} (FORMAT csv, HEADER)`,
    );
    const settled = new Date(Date.now() - SETTLED_MS);
    utimesSync(staged, settled, settled);
    renameSync(staged, join(this.#folder, fileName(day)));
  }

  /** Some of a day's flights, in an order that has nothing to do with the time of day. */
  async flightsOf(day: number, count: number): Promise<readonly Flight[]> {
    await this.#load(day);
    const rows = await this.#engine.rows(
      `SELECT CAST(hour AS DOUBLE) AS hour, CAST(distance AS DOUBLE) AS distance, origin, destination, late
       FROM ${ROWS} ORDER BY md5('asked' || n) LIMIT ${count}`,
    );
    return rows.map((row) => ({
      hour: Number(row["hour"]),
      distance: Number(row["distance"]),
      origin: String(row["origin"]),
      destination: String(row["destination"]),
      late: row["late"] === true,
    }));
  }

  close(): void {
    this.#engine.close();
  }

  /** The day's flights, drawn by a fixed hash. */
  async #load(day: number): Promise<void> {
    const date = dateOf(day);
    if (date === null) throw new Error(`the flights end before day ${day}`);
    const change = isChanged(day);
    const distance = change ? `round(distance * ${KM_PER_MILE})::BIGINT` : "distance";
    const flown = change ? `AND origin <> '${CLOSED_AIRPORT}'` : "";
    await this.#engine.run(
      `CREATE OR REPLACE TEMP TABLE ${ROWS} AS
       SELECT row_number() OVER (ORDER BY date, draw) AS n, date, hour(date) AS hour,
         ${distance} AS distance, origin, destination, delay > ${LATE_AFTER_MINUTES} AS late
       FROM (
         SELECT *, md5(file_row_number::VARCHAR) AS draw
         FROM read_parquet(${quoteText(this.#source)}, file_row_number = true)
         WHERE date::DATE = DATE '${date}' ${flown} ORDER BY draw LIMIT ${DAY_ROWS})`,
    );
  }
}

function fileName(day: number): string {
  return `flights-${dateOf(day)}.csv`;
}
