import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadDemoAssets } from "./demo-assets.ts";
import { CALENDAR, DAY_ROWS } from "./flight-calendar.ts";
import { FlightDays } from "./flight-days.ts";

const FIRST_CHANGED = CALENDAR.history + CALENDAR.quiet;

describe("days of flights", () => {
  let root = "";
  let days: FlightDays;
  before(async () => {
    root = mkdtempSync(join(tmpdir(), "sluice-days-"));
    days = await FlightDays.open(loadDemoAssets().flightsPath, join(root, "days"));
  });
  after(() => {
    days.close();
    rmSync(root, { recursive: true });
  });

  it("arrive whole, one file each, and are counted from the first on", async () => {
    assert.equal(days.arrived, 0);
    await days.arrive(1);
    assert.equal(days.arrived, 0, "the first is not there");
    await days.arrive(0);
    assert.equal(days.arrived, 2);
    const files = readdirSync(join(root, "days")).sort();
    assert.deepEqual(files, ["flights-2001-01-18.csv", "flights-2001-01-19.csv"]);
    const lines = readFileSync(join(root, "days", files[0] ?? ""), "utf8")
      .trimEnd()
      .split("\n");
    assert.equal(lines.length, DAY_ROWS + 1);
    assert.equal(lines[0], "id,date,hour,distance,origin,destination,late,passenger_contact,tail");
    assert.match(
      lines[1] ?? "",
      /^1,2001-01-18 \d\d:\d\d:\d\d,\d+,\d+,[A-Z]{3},[A-Z]{3},(true|false),passenger1@/,
    );
  });

  it("have other units and one airport less from the change on", async () => {
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const before = await days.flightsOf(FIRST_CHANGED - 1, DAY_ROWS);
    const changed = await days.flightsOf(FIRST_CHANGED, DAY_ROWS);
    assert.equal(changed.length, DAY_ROWS);
    assert.ok(before.some(({ origin }) => origin === "ORD"));
    assert.ok(!changed.some(({ origin }) => origin === "ORD"));
    const ratio =
      mean(changed.map(({ distance }) => distance)) / mean(before.map(({ distance }) => distance));
    assert.ok(ratio > 1.5 && ratio < 1.75, String(ratio));
  });

  it("are asked about in an order without the time of day, the same every time", async () => {
    const some = await days.flightsOf(3, 200);
    assert.deepEqual(await days.flightsOf(3, 200), some);
    const hours = some.map(({ hour }) => hour);
    assert.notDeepEqual(
      hours,
      [...hours].sort((a, b) => a - b),
    );
    assert.ok(new Set(hours).size > 10);
  });
});
