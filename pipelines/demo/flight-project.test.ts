import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadProject } from "../project/load-project.ts";
import {
  acceptKilometres,
  FLIGHT_DATASET,
  FLIGHT_FEED,
  FLIGHT_MODEL,
  FLIGHT_OUTLET,
  hasAcceptedKilometres,
  prepareFlightProject,
} from "./flight-project.ts";

describe("the demo's project", () => {
  let home = "";
  before(() => {
    home = mkdtempSync(join(tmpdir(), "sluice-flight-project-"));
  });
  after(() => rmSync(home, { recursive: true }));

  it("is a valid one, and names what the demo asks for", () => {
    const { file } = prepareFlightProject(home);
    const { project } = loadProject(file);
    assert.ok(project.feeds[FLIGHT_FEED] && project.datasets[FLIGHT_DATASET]);
    assert.ok(project.models[FLIGHT_MODEL] && project.outlets[FLIGHT_OUTLET]);
  });

  it("takes the new unit without losing a comment", () => {
    const { file } = prepareFlightProject(home);
    assert.equal(hasAcceptedKilometres(file), false);
    const comments = (text: string) => text.match(/#.*$/gm);
    const before = readFileSync(file, "utf8");
    acceptKilometres(file);
    assert.equal(hasAcceptedKilometres(file), true);
    assert.deepEqual(comments(readFileSync(file, "utf8")), comments(before));
    const { contract } = loadProject(file).project.datasets[FLIGHT_DATASET] ?? {};
    assert.equal(contract?.inferFrom, 3);
    assert.deepEqual(contract.columns?.["distance"], { minMean: 900, maxMean: 1500 });
  });

  it("leaves what is there as it is, the key too", () => {
    const { file } = prepareFlightProject(home);
    const keyFile = join(dirname(file), "hash.key");
    const key = readFileSync(keyFile, "utf8");
    assert.match(key, /^[0-9a-f]{64}\n$/);
    writeFileSync(file, "mine");
    prepareFlightProject(home);
    assert.deepEqual([readFileSync(file, "utf8"), readFileSync(keyFile, "utf8")], ["mine", key]);
  });
});
