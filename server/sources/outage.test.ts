import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../protocols/repository/layout.ts";
import { Reconciler } from "../models/reconciler.ts";
import type { LocalVersion, Source } from "../models/source.ts";
import { FakeWorld } from "../models/testing/fake-world.ts";
import { RepositorySource } from "./repository-source.ts";
import { MemoryReader, type ReadFault } from "./testing/memory-reader.ts";
import { createHome, indexOf, UNBOUNDED } from "./testing/repository-fixture.ts";

const POLL_MS = 5000;
/** Jitter makes a poll at most this long. */
const POLL_MAX_MS = POLL_MS * 1.2;
const STEP_MS = 500;
const HOUR_MS = 3_600_000;
const RANDOM_STEPS = 10_000;
const SEED = 20_261_123;
const FAULT_SHARE = 0.1;

/**
 * The real source, cache, manager and reconciler over a repository in memory, in virtual time: timers
 * and the clock are the test's, only the cache's disk is real.
 */
class Outage {
  readonly reader = new MemoryReader();
  readonly #world: FakeWorld;
  readonly #reconciler: Reconciler<string>;
  readonly #index: Record<number, string> = {};
  #busy = 0;
  #random: () => number;

  constructor(home: string, random: () => number) {
    this.#random = random;
    const source = this.#watched(
      new RepositorySource({
        reader: this.reader,
        home,
        ...UNBOUNDED,
        location: "memory",
        pause: async () => undefined,
        log: { info: () => undefined, warn: () => undefined },
      }),
    );
    this.#world = new FakeWorld(null, { source });
    this.#world.nowMs = Date.now();
    this.#reconciler = new Reconciler<string>({
      source,
      manager: this.#world.manager,
      pollMs: POLL_MS,
      pollsOnce: false,
      nowMs: Date.now,
      random: this.#random,
      onPoll: () => undefined,
      onFault: assert.ifError,
    });
  }

  start(): void {
    this.#reconciler.start();
  }

  stop(): Promise<void> {
    return this.#reconciler.stop();
  }

  /** The version that a request without one reaches; null: none. */
  get champion(): number | null {
    const model = this.#world.publications.at(-1)?.models.find(({ name }) => name === "m");
    const version = model?.aliases.get("champion") ?? null;
    if (version !== null)
      assert.ok(model?.versions.has(version), "an alias leads to what is loaded");
    return version;
  }

  publish(version: number): void {
    const bytes = modelBytes(version);
    const manifest = serializeDocument({
      schemaVersion: 1,
      model: "m",
      version,
      files: [{ path: "model.onnx", bytes: bytes.byteLength, sha256: sha256Hex(bytes) }],
      signature: { inputs: [], outputs: [] },
      opset: { "": 17 },
      breaking: false,
      createdAt: "2026-01-01T00:00:00.000Z",
      lineage: {},
    });
    this.reader.files.set(filePath("m", version, "model.onnx"), bytes);
    this.reader.files.set(manifestPath("m", version), manifest);
    this.#index[version] = sha256Hex(manifest);
    this.reader.files.set(INDEX_PATH, serializeDocument(indexOf(version, { m: this.#index })));
  }

  /** Lets virtual time pass, then what it started come to rest. */
  async pass(ms: number): Promise<void> {
    this.#world.nowMs += ms;
    mock.timers.tick(ms);
    for (let quiet = 0; quiet < 4; quiet = this.#busy === 0 ? quiet + 1 : 0) {
      await new Promise(setImmediate);
    }
  }

  #watched(source: Source): Source {
    const counted = async <T>(call: () => Promise<T>): Promise<T> => {
      this.#busy += 1;
      try {
        return await call();
      } finally {
        this.#busy -= 1;
      }
    };
    return {
      description: source.description,
      poll: (signal) => counted(() => source.poll(signal)),
      lastKnown: () => counted(() => source.lastKnown()),
      fetch: (...args) => counted(async () => assertWhole(await source.fetch(...args))),
      watch: (wake) => source.watch(wake),
    };
  }
}

function modelBytes(version: number): Uint8Array {
  return new TextEncoder().encode(`model ${version} `.repeat(50));
}

/** A half or mixed file would be seen here, whatever the source believes. */
function assertWhole(local: LocalVersion): LocalVersion {
  const { version } = JSON.parse(readFileSync(join(local.directory, "manifest.json"), "utf8"));
  const bytes = readFileSync(join(local.directory, "model.onnx"));
  assert.deepEqual(new Uint8Array(bytes), modelBytes(version));
  return local;
}

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("a repository that is away, in virtual time", () => {
  let home: Awaited<ReturnType<typeof createHome>>;
  beforeEach(async () => {
    home = await createHome();
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
  });
  afterEach(async () => {
    mock.timers.reset();
    await home.close();
  });

  const serveFirst = async (random: () => number): Promise<Outage> => {
    const world = new Outage(home.path, random);
    world.publish(1);
    world.start();
    await world.pass(0);
    assert.equal(world.champion, 1);
    return world;
  };

  it("an hour: the version serves at every moment, attempts stay bounded, two polls heal it", async (t) => {
    const world = await serveFirst(randomOf(SEED));
    // One version is known and cannot be fetched, the next is published unseen.
    world.reader.decide = (path) => (path === INDEX_PATH ? null : "fails");
    world.publish(2);
    await world.pass(POLL_MAX_MS);
    world.reader.decide = () => "fails";
    world.publish(3);
    const before = world.reader.attempts;
    for (let ms = 0; ms < HOUR_MS; ms += STEP_MS) {
      await world.pass(STEP_MS);
      assert.equal(world.champion, 1);
    }
    const attempts = world.reader.attempts - before;
    // A poll each 4 to 6 s, and one try of the version a minute, more at first.
    assert.ok(attempts > HOUR_MS / POLL_MAX_MS, `${attempts} attempts`);
    assert.ok(attempts < HOUR_MS / (POLL_MS * 0.8) + HOUR_MS / 60_000 + 20, `${attempts} attempts`);
    t.diagnostic(`${attempts} attempts in the hour`);
    world.reader.decide = () => null;
    for (let ms = 0; ms < 2 * POLL_MAX_MS; ms += STEP_MS) await world.pass(STEP_MS);
    assert.equal(world.champion, 3);
    await world.stop();
  });

  it("what was known and not fetched comes within two polls too, not at the end of its back-off", async () => {
    const world = await serveFirst(randomOf(SEED));
    world.reader.decide = (path) => (path === INDEX_PATH ? null : "fails");
    world.publish(2);
    await world.pass(POLL_MAX_MS);
    world.reader.decide = () => "fails";
    for (let ms = 0; ms < 600_000; ms += STEP_MS) await world.pass(STEP_MS);
    world.reader.decide = () => null;
    for (let ms = 0; ms < 2 * POLL_MAX_MS; ms += STEP_MS) await world.pass(STEP_MS);
    assert.equal(world.champion, 2);
    await world.stop();
  });

  it(`a tenth of all readings goes wrong, for ${RANDOM_STEPS} steps (seed ${SEED})`, async (t) => {
    const random = randomOf(SEED);
    const world = await serveFirst(random);
    const faults = new Map<ReadFault, number>();
    world.reader.decide = (path) => {
      if (random() >= FAULT_SHARE) return null;
      // An index has no hash of its own: a flipped byte is the transport's to find.
      const kinds: ReadFault[] = ["fails", "is-missing", "changes", "is-short", "is-a-page"];
      if (path !== INDEX_PATH) kinds.push("is-flipped");
      const fault = kinds[Math.floor(random() * kinds.length)] as ReadFault;
      faults.set(fault, (faults.get(fault) ?? 0) + 1);
      return fault;
    };
    let published = 1;
    let served = 1;
    for (let step = 0; step < RANDOM_STEPS; step++) {
      if (random() < 0.02) world.publish(++published);
      await world.pass(1000);
      const { champion } = world;
      assert.ok(
        champion !== null && champion >= served,
        `step ${step}: ${champion} after ${served}`,
      );
      served = champion;
    }
    t.diagnostic(`${published} versions, faults ${JSON.stringify(Object.fromEntries(faults))}`);
    assert.equal(faults.size, 6);
    world.reader.decide = () => null;
    for (let ms = 0; ms < 2 * POLL_MAX_MS + 60_000; ms += STEP_MS) await world.pass(STEP_MS);
    assert.equal(world.champion, published);
    await world.stop();
  });
});
