import { openDataEngine } from "../../../datasets/duckdb.ts";
import { FLIGHTS_FOLDER, readFlights } from "./flights.ts";
import { renderFindings } from "./render-findings.ts";
import { rowsOf, type StudyPlan, study } from "./study.ts";

const PLAN: StudyPlan = {
  referenceRows: 10_000,
  quietWindows: 60,
  windowRows: [500, 1000, 2000],
};

const engine = await openDataEngine({ folders: [FLIGHTS_FOLDER] });
try {
  process.stdout.write(renderFindings(study(await readFlights(engine, rowsOf(PLAN)), PLAN)));
} finally {
  engine.close();
}
