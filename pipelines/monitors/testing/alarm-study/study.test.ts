import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Table } from "../../../datasets/column.ts";
import { type DataEngine, openDataEngine } from "../../../datasets/duckdb.ts";
import { driftOf } from "../../drift.ts";
import { jensenShannonDistance } from "../../statistics/jensen-shannon.ts";
import { textsOf } from "./changes.ts";
import { FEATURES, FLIGHTS_FOLDER, readFlights, sliceTable } from "./flights.ts";
import { renderFindings } from "./render-findings.ts";
import { BOUNDS, type Finding, rowsOf, type StudyPlan, study } from "./study.ts";

const PLAN: StudyPlan = { referenceRows: 10_000, quietWindows: 10, windowRows: [1000] };

describe("the alarm study on flights", () => {
  let engine: DataEngine;
  let flights: Table;
  let findings: readonly Finding[];
  before(async () => {
    engine = await openDataEngine({ folders: [FLIGHTS_FOLDER] });
    flights = await readFlights(engine, rowsOf(PLAN));
    findings = study(flights, PLAN);
  });
  after(() => engine.close());

  it("acts on no window of unchanged data", () => {
    const quiet = findings.find(({ change }) => change === null);
    assert.equal(quiet?.windows, 10);
    assert.equal(quiet.acted, 0);
  });

  it("acts on every change within three windows", () => {
    const changed = findings.filter(({ change }) => change !== null);
    assert.equal(changed.length, 4);
    for (const { change, firstAlarm, firstAct } of changed) {
      assert.ok(firstAlarm !== null && firstAct !== null && firstAct <= 3, change?.name);
      assert.ok(firstAct >= BOUNDS.k, change?.name);
    }
  });

  it("would alarm in every window if airports were compared one by one", () => {
    const reference = sliceTable(flights, 0, PLAN.referenceRows);
    const window = sliceTable(flights, PLAN.referenceRows, 1000);
    const before = countBy(textsOf(reference, "origin"));
    const now = countBy(textsOf(window, "origin"));
    const airports = [...new Set([...before.keys(), ...now.keys()])];
    assert.ok(airports.length >= 190, `${airports.length}`);
    const plain = jensenShannonDistance(
      airports.map((name) => before.get(name) ?? 0),
      airports.map((name) => now.get(name) ?? 0),
      2,
    );
    const [origin] = driftOf(reference, window, FEATURES, BOUNDS);
    assert.ok(plain > BOUNDS.distance, `${plain}`);
    assert.ok(origin !== undefined && origin.drift.distance < BOUNDS.distance);
  });

  it("prints a row for each finding", () => {
    const lines = renderFindings(findings).trimEnd().split("\n");
    assert.equal(lines.length, 2 + findings.length);
    for (const line of lines) assert.equal(line.split("|").length, 9, line);
  });
});

function countBy(values: readonly (string | null)[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value ?? "", (counts.get(value ?? "") ?? 0) + 1);
  return counts;
}
