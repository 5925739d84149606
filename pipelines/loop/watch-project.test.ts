import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { loadProject } from "../project/load-project.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import { putFile } from "./testing/loop-data.ts";
import { ProjectWatch } from "./watch-project.ts";

describe("the watch over the project file", () => {
  let folder = "";
  let warnings: string[] = [];
  let current: LoadedProject;
  let watch: ProjectWatch;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
    warnings = [];
    write("one");
    const file = join(folder, "sluice.yaml");
    current = loadProject(file);
    watch = new ProjectWatch(file, (message) => warnings.push(message));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, more = ""): void =>
    putFile(folder, "sluice.yaml", `schemaVersion: 1\nproject: ${name}\n${more}`);

  it("sees nothing where nothing changed, or only the time of the file", () => {
    assert.equal(watch.look(current), null);
    write("one");
    assert.equal(watch.look(current), null);
  });

  it("gives the changed project once", () => {
    write("two");
    const next = watch.look(current);
    assert.equal(next?.project.project, "two");
    assert.equal(watch.look(next ?? current), null);
  });

  it("keeps the old one while the new does not load, says why once, and takes the mended", () => {
    write("two", "feedz: {}\n");
    assert.equal(watch.look(current), null);
    assert.equal(watch.look(current), null);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /^the changed project file is not used: .*feedz/s);
    write("two");
    assert.equal(watch.look(current)?.project.project, "two");
  });

  it("keeps the old one while the file is gone", () => {
    rmSync(join(folder, "sluice.yaml"));
    assert.equal(watch.look(current), null);
    assert.equal(watch.look(current), null);
    assert.equal(warnings.length, 1);
    write("two");
    assert.equal(watch.look(current)?.project.project, "two");
  });
});
