import type { ModelConfig } from "../project/project.ts";
import type { StoreReader } from "../store/store.ts";
import type { CaptureTable, WindowTable } from "../store/tables.ts";
import { lateWindows } from "./late-window.ts";
import type { LateWindow } from "./snapshot.ts";

/** Files that one window is made of at most: what comes later waits. */
const MAX_UNWINDOWED = 2000;

/** Captures that no window holds yet, oldest first; none for a model that nobody watches. */
export async function readUnwindowed(
  store: StoreReader,
  model: string,
  version: number,
): Promise<CaptureTable[]> {
  return await store
    .selectFrom("captures")
    .selectAll()
    .where("model", "=", model)
    .where("version", "=", version)
    .where("window_id", "is", null)
    .orderBy("first_at_ms")
    .limit(MAX_UNWINDOWED)
    .execute();
}

/** The window to look at again with its captures; one whose captures expired is past that. */
export async function readLateWindow(
  store: StoreReader,
  windows: readonly WindowTable[],
  config: ModelConfig,
  labelSeq: number,
  nowMs: number,
): Promise<LateWindow | null> {
  const late = lateWindows(windows, config, labelSeq, nowMs);
  if (late.length === 0) return null;
  const ids = late.map(({ id }) => id);
  const held = await store
    .selectFrom("captures")
    .select("window_id")
    .distinct()
    .where("window_id", "in", ids)
    .execute();
  const withCaptures = new Set(held.map((each) => each.window_id));
  const window = late.find(({ id }) => withCaptures.has(id));
  if (window === undefined) return null;
  const captures = await store
    .selectFrom("captures")
    .selectAll()
    .where("window_id", "=", window.id)
    .orderBy("first_at_ms")
    .execute();
  return { number: window.number, captures };
}
