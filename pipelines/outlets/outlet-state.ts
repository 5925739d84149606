import type { Store, StoreReader, StoreTransaction } from "../store/store.ts";
import { type Position, START } from "./landing-order.ts";

/** `outlets.state_json`: what an outlet remembers. */
export interface OutletState {
  /** The dataset that it was about; another one in the project starts it afresh. */
  readonly dataset: string;
  /** Rows up to here are in the outbox (webhook) or in the view; a feed's readers keep their own. */
  readonly position: Position;
  /** Problems in a row, and when the next try is due (see note-problem.ts). */
  readonly failures: number;
  readonly nextAtMs: number;
  readonly lastError: string | null;
  /** Of a view: the schema and role that were last made; null: none yet. */
  readonly arranged: string | null;
}

export async function readOutletState(
  store: StoreReader,
  outlet: string,
  dataset: string,
): Promise<OutletState> {
  const row = await store
    .selectFrom("outlets")
    .select("state_json")
    .where("name", "=", outlet)
    .executeTakeFirst();
  const state = row === undefined ? null : (JSON.parse(row.state_json) as OutletState);
  return state?.dataset === dataset ? state : newOutletState(dataset);
}

export function newOutletState(dataset: string): OutletState {
  return {
    dataset,
    position: START,
    failures: 0,
    nextAtMs: 0,
    lastError: null,
    arranged: null,
  };
}

export async function writeOutletState(
  tx: StoreTransaction,
  outlet: string,
  state: OutletState,
): Promise<void> {
  const values = { batch_seq: state.position.seq, state_json: JSON.stringify(state) };
  await tx
    .insertInto("outlets")
    .values({ name: outlet, ...values })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(values))
    .execute();
}

/** Reads, decides and writes in one transaction. */
export function changeOutletState(
  store: Store,
  outlet: string,
  dataset: string,
  decide: (state: OutletState, tx: StoreTransaction) => Promise<OutletState>,
): Promise<void> {
  return store.transaction().execute(async (tx) => {
    const before = await readOutletState(tx, outlet, dataset);
    const after = await decide(before, tx);
    if (after !== before) await writeOutletState(tx, outlet, after);
  });
}
