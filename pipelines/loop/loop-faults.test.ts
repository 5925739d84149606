import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { checkStore } from "./testing/check-store.ts";
import { resume } from "./testing/kill-at.ts";
import { putFile } from "./testing/loop-data.ts";
import { LoopWorld } from "./testing/loop-kit.ts";
import { type LoopProcess, until } from "./testing/loop-process.ts";

let world: LoopWorld;

async function errorOf(kind: string): Promise<string | null> {
  const run = await world.withStore((store) =>
    store.selectFrom("runs").select("error").where("kind", "=", kind).executeTakeFirst(),
  );
  return run?.error ?? null;
}

async function untilErrorOf(kind: string, process: LoopProcess): Promise<string> {
  let error: string | null = null;
  await until(
    `a ${kind} goes wrong`,
    async () => {
      error = await errorOf(kind);
      return error !== null;
    },
    () => process.said,
  );
  return error ?? "";
}

describe("a loop in trouble", () => {
  afterEach(() => world.close());

  it("refuses a second coordinator on its home, and goes on", async () => {
    world = await LoopWorld.create();
    world.addDays(1);
    const first = world.start();
    await first.apiUrl();
    const second = world.start();
    const { code } = await second.ended;
    assert.notEqual(code, 0);
    assert.match(
      second.stderr,
      /^sluice: '[^']+' \(host\/pid\/…\) works on this store already; .+\n$/,
    );
    await world.untilSettled(first);
    assert.deepEqual(await first.kill("SIGTERM"), { code: 0, signal: null });
  });

  it("stops a coordinator whose claim another took", async () => {
    world = await LoopWorld.create();
    const process = world.start();
    await process.apiUrl();
    const other = { holder: "elsewhere/1/abc", until_ms: Date.now() + 60_000 };
    await world.withStore((store) => store.updateTable("claims").set(other).execute());
    const { code } = await process.ended;
    assert.notEqual(code, 0);
    assert.match(process.stderr, /another coordinator took the store over/);
    const left = await world.withStore((store) => store.selectFrom("claims").selectAll().execute());
    assert.deepEqual(left, [{ name: "coordinator", ...other }]);
  });

  it("kills a job that hangs, and does its work again", async () => {
    world = await LoopWorld.create();
    world.addDays(1);
    const process = world.start({ pause: "read", args: ["--job-timeout-secs", "1"] });
    assert.match(await untilErrorOf("pull", process), /^ran longer than 1 s/);
    await process.kill("SIGKILL");
    await world.passTime();
    await resume(world);
  });

  it("decides nothing by a model repository that is away, and publishes then", async () => {
    world = await LoopWorld.create();
    world.addDays(4);
    mkdirSync(world.home, { recursive: true });
    writeFileSync(world.repository, "a file where the folder should be");
    const process = world.start();
    await process.whenSaid(/withheld: the champion of '[^']+' is not known/);
    assert.match(process.said, /the model repository cannot be read/);
    const kinds = await world.withStore((store) =>
      store.selectFrom("runs").select("kind").execute(),
    );
    const ran = new Set(kinds.map(({ kind }) => kind));
    assert.deepEqual(
      [ran.has("compile"), ran.has("vet"), ran.has("publish")],
      [true, false, false],
    );
    rmSync(world.repository);
    await world.untilSettled(process);
    await process.kill("SIGTERM");
    await checkStore(world);
  });

  it("says that a file could not be written, and goes on when there is room", async () => {
    world = await LoopWorld.create();
    world.addDays(1);
    putFile(join(world.folder, "days"), "0-large.csv", largeText());
    const limited = ["bash", "-c", 'ulimit -f 4096; exec "$@"', "bash"];
    const process = world.start({ wrapper: limited });
    assert.match(await untilErrorOf("pull", process), /^no room on the disk/);
    assert.equal(process.hasEnded, false);
    await process.kill("SIGTERM");
    rmSync(join(world.folder, "days", "0-large.csv"));
    await world.passTime();
    await resume(world);
  });
});

/** More than the limit above, however it is compressed. */
function largeText(): string {
  const text = () => Math.random().toString(36).slice(2).repeat(1);
  const rows = Array.from({ length: 60_000 }, (_, index) => {
    const noise = Array.from({ length: 12 }, text).join("");
    return `${1_000_000 + index},2026-01-01T00:00:00.000Z,1,1,${noise},true`;
  });
  return `id,at,hour,distance,origin,late\n${rows.join("\n")}\n`;
}
