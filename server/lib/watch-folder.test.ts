import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { watchFolder } from "./watch-folder.ts";

it("tells of changes in a folder that comes late and is replaced", async () => {
  const home = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  const folder = join(home, "models");
  let onNext: (name: string | null) => void = () => undefined;
  const next = () =>
    new Promise<string | null>((resolve) => {
      onNext = resolve;
    });
  // Keeps the test alive: the watcher itself does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  const stop = watchFolder(folder, (name) => onNext(name));

  let told = next();
  mkdirSync(folder);
  assert.equal(await told, null);
  told = next();
  writeFileSync(join(folder, "index.json"), "{}");
  assert.equal(await told, "index.json");

  mkdirSync(join(home, "other"));
  rmSync(folder, { recursive: true });
  renameSync(join(home, "other"), folder);
  const names: (string | null)[] = [];
  while (!names.includes("new.json")) {
    told = next();
    writeFileSync(join(folder, "new.json"), String(names.length));
    names.push(await told);
  }
  stop();
  clearInterval(alive);
  rmSync(home, { recursive: true });
});
