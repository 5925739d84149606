import assert from "node:assert/strict";
import { type DataEngine, fromParquet, openDataEngine } from "../../datasets/duckdb.ts";
import { verifyWebhook } from "../../outlets/verify-webhook.ts";
import { checkStore } from "./check-store.ts";
import { WEBHOOK_SECRET } from "./loop-data.ts";
import type { LoopWorld } from "./loop-kit.ts";
import type { LoopProcess } from "./loop-process.ts";

/**
 * What must hold once the loop came to rest, beside checkStore: all that went in is there, all that
 * was predicted came out, once by the polled feed and at least once by the webhook.
 * @param process a `pipelines` that is settled (see LoopWorld.untilSettled)
 */
export async function checkSettled(world: LoopWorld, process: LoopProcess): Promise<void> {
  await checkStore(world);
  const engine = await openDataEngine({ folders: [world.folder] });
  try {
    const { landedRows, predictedRows } = world.expected;
    const ids = await keysOf(world, engine, "departures", "CAST(id AS VARCHAR)");
    assert.deepEqual(
      ids,
      Array.from({ length: landedRows }, (_, index) => String(index + 1)),
    );
    const predicted = await keysOf(world, engine, "late-predictions", "row_id");
    assert.equal(predicted.length, predictedRows);
    const scored = await keysOf(world, engine, "late-predictions", "CAST(id AS VARCHAR)");
    assert.deepEqual(scored, ids.slice(landedRows - predictedRows));
    assert.deepEqual(await readFeed(await process.apiUrl()), predicted);
    assert.deepEqual([...readHooks(world)].sort(), [...predicted].sort());
  } finally {
    engine.close();
  }
}

/** Of the newest version of a dataset, in the order of its landing. */
async function keysOf(
  world: LoopWorld,
  engine: DataEngine,
  dataset: string,
  key: string,
): Promise<string[]> {
  const batches = await world.withStore((store) =>
    store
      .selectFrom("batches")
      .select("path")
      .where("dataset", "=", dataset)
      .where("status", "=", "landed")
      .orderBy("seq")
      .execute(),
  );
  if (batches.length === 0) return [];
  const rows = await engine.rows(
    `SELECT ${key} AS key FROM ${fromParquet(batches.map(({ path }) => path))}`,
  );
  return rows.map((row) => String(row["key"]));
}

/** Row ids of the polled feed, read to its end page by page. */
async function readFeed(apiUrl: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  for (;;) {
    const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${apiUrl}/v1/feeds/late?limit=130${after}`);
    assert.equal(response.status, 200);
    const lines = (await response.text()).split("\n").filter((line) => line !== "");
    ids.push(...lines.map((line) => JSON.parse(line).row_id as string));
    cursor = response.headers.get("sluice-next-cursor");
    if (response.headers.get("sluice-has-more") !== "true") return ids;
  }
}

/** Row ids of the webhook's messages, each message once by its id; what comes again must be the same. */
function readHooks({ receiver }: LoopWorld): string[] {
  const bodies = new Map<string, string>();
  for (const { headers, body } of receiver.received) {
    const id = verifyWebhook(WEBHOOK_SECRET, headers, body, Date.now() / 1000);
    assert.equal(bodies.get(id) ?? body, body, `message ${id} came with another body`);
    bodies.set(id, body);
  }
  return [...bodies.values()].flatMap((body) => {
    const { rows } = JSON.parse(body) as { rows: readonly { row_id: string }[] };
    return rows.map((row) => row.row_id);
  });
}
