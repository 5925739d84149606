import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { DAY_ROWS } from "./flight-calendar.ts";

export const FLIGHT_MODEL = "late-departure";
export const FLIGHT_DATASET = "departures";
export const FLIGHT_FEED = "departures";
export const FLIGHT_OUTLET = "late-flights";
/** Fewer than are asked about in a day, so that each day closes one. */
const WINDOW_ROWS = 900;
const PREDICTIONS = "late-predictions";

/** Where the demo's project lies in the home. */
export interface FlightProject {
  readonly file: string;
  readonly daysFolder: string;
}

/** Mean flight of these weeks, in kilometres: 1150 to 1200. */
const MEAN_KM = { minMean: 900, maxMean: 1500 };

/** The project's folder, with a sluice.yaml and a key of its own where they are not there yet. */
export function prepareFlightProject(home: string): FlightProject {
  const folder = join(home, "demo", "project");
  const project = { file: join(folder, "sluice.yaml"), daysFolder: join(folder, "days") };
  mkdirSync(project.daysFolder, { recursive: true });
  const keyFile = join(folder, "hash.key");
  if (!existsSync(keyFile)) writeWhole(keyFile, `${randomBytes(32).toString("hex")}\n`);
  if (!existsSync(project.file)) writeWhole(project.file, PROJECT_YAML);
  return project;
}

/** What the owner of the data does: distances are kilometres from now on. Comments stay. */
export function acceptKilometres(file: string): void {
  const document = parseDocument(readFileSync(file, "utf8"));
  const path = ["datasets", FLIGHT_DATASET, "contract", "columns", "distance"];
  document.setIn(path, document.createNode(MEAN_KM, { flow: true }));
  writeWhole(file, document.toString({ lineWidth: 0 }));
}

export function hasAcceptedKilometres(file: string): boolean {
  const path = ["datasets", FLIGHT_DATASET, "contract", "columns", "distance"];
  return parseDocument(readFileSync(file, "utf8")).hasIn(path);
}

/** Under its name only when whole: it is being watched. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

const PROJECT_YAML = `# The demo's project, yours to change: a changed file is taken up within a second.
schemaVersion: 1
project: flights
hashKey: { file: hash.key }
feeds:
  ${FLIGHT_FEED}:
    dataset: ${FLIGHT_DATASET}
    connector: { kind: files, path: "days/*.csv", format: csv }
    # The demo asks for a pull whenever a day's file arrives; production would look every hour.
    everySecs: 60
    batchRows: ${DAY_ROWS}
    # Before the first byte reaches the disk. Both columns are made up.
    sanitise: { passenger_contact: drop, tail: hash }
datasets:
  ${FLIGHT_DATASET}:
    time: date
    key: [id]
    # Inferred from the first days, then enforced. Production would take a month.
    contract: { inferFrom: 3 }
models:
  ${FLIGHT_MODEL}:
    dataset: ${FLIGHT_DATASET}
    target: late
    task: binary
    features: [hour, distance, origin, destination]
    # The last three days: what holds now. Production would take months.
    minRows: ${3 * DAY_ROWS}
    trainRows: ${3 * DAY_ROWS}
    trainer: { kind: gradientBoosting, trees: 100, learningRate: 0.08, maxLeaves: 8, minLeafRows: 30, l2: 5 }
    # One day of three is held back. With ${DAY_ROWS} rows the interval of a change in AUC is about 0.1
    # wide; with the rows of a month the tolerance could be 0.005.
    evaluation: { fraction: 0.333334, tolerance: 0.03, slices: [origin] }
    # The weather moves the AUC of a day by 0.1, hence maxDrop. Production would take windows of a week.
    monitor: { windowRows: ${WINDOW_ROWS}, k: 2, n: 3, performance: { maxDrop: 0.15, coverage: 0.6 } }
    score: { into: ${PREDICTIONS}, keep: [id, date, origin, destination] }
outlets:
  ${FLIGHT_OUTLET}: { kind: feed, dataset: ${PREDICTIONS} }
rules:
  # A demo has no time to cool down; production would take coolDownSecs: 3600 and maxPerDay: 4.
  - { when: { drift: true }, do: train, model: ${FLIGHT_MODEL}, unless: { coolDownSecs: 0, maxPerDay: 50 } }
`;
