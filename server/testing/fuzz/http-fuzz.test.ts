import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadUws } from "../../transport/http/load-uws.ts";
import { openStore, publishTiny } from "../publish-tiny.ts";
import { killLeftRunning, startServe } from "../serve-process.ts";
import { scaleModel } from "../tiny-models.ts";
import { fuzzHttp } from "./http-fuzzer.ts";

/** Requests over both transports together; SLUICE_TEST_FUZZ=1000000 for the long form. */
const COUNT = Number(process.env["SLUICE_TEST_FUZZ"] ?? 20_000);
const SEED = Number(process.env["SLUICE_TEST_FUZZ_SEED"] ?? 1);
const CONNECTIONS = 8;
/** Between a tenth of the requests and all: heaps breathe, leaks of 20,000 requests and more do not hide. */
const MAX_GROWTH_BYTES = 96 * 1024 * 1024;

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-fuzz-"));
});
after(async () => {
  await killLeftRunning();
  rmSync(root, { recursive: true, force: true });
});

describe("mutated HTTP requests", () => {
  for (const transport of ["uws", "node"] as const) {
    const skip = transport === "uws" ? (loadUws().reason ?? false) : false;
    it(`${COUNT / 2} of them harm nobody: ${transport}`, { skip }, async (t) => {
      const home = mkdtempSync(join(root, "home-"));
      await publishTiny(openStore(join(home, "models")), "scale", scaleModel(2));
      const server = await startServe(home, ["--http-transport", transport]);
      await server.whenReady();
      const warm = await fuzz(server.httpPort, COUNT / 20, SEED + 1);
      const before = rssOf(server.pid);
      const full = await fuzz(server.httpPort, COUNT / 2 - COUNT / 20, SEED);
      const grown = rssOf(server.pid) - before;
      t.diagnostic(`${full.honest} honest, ${JSON.stringify(Object.fromEntries(full.answers))}`);
      t.diagnostic(`resident memory grew by ${Math.round(grown / 1024)} KiB`);
      for (const { faults } of [warm, full]) assert.deepEqual(faults, [], `seed ${SEED}`);
      assert.ok((full.answers.get("200") ?? 0) > 0, "some mutants are honest enough");
      assert.ok(grown < MAX_GROWTH_BYTES, `grew by ${grown} bytes`);
      assert.doesNotMatch(server.stderr, /request failed|"level":(50|60|"error"|"fatal")/);
      server.kill("SIGTERM");
      assert.deepEqual((await server.ended).code, 0);
    });
  }
});

function fuzz(port: number, count: number, seed: number) {
  return fuzzHttp(port, { seed, count, connections: CONNECTIONS });
}

function rssOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}
