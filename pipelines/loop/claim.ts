import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Store } from "../store/store.ts";

/** One coordinator acts on a store at a time. */
export interface Claim {
  readonly holder: string;
  /** Once every few seconds. @throws ClaimError when another took it meanwhile */
  renew(): Promise<void>;
  release(): Promise<void>;
}

/** Another coordinator holds the store. */
export class ClaimError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ClaimError";
  }
}

const NAME = "coordinator";
const TTL_MS = 30_000;
/** Claims of this very process: a container's next life often has the process id of its last. */
const ours = new Set<string>();

/**
 * Takes the claim: free, run out, or held by a process of this machine that is gone.
 * @throws ClaimError naming the holder
 */
export async function takeClaim(store: Store, clock: () => number): Promise<Claim> {
  const holder = `${hostname()}/${process.pid}/${randomBytes(4).toString("hex")}`;
  await store.transaction().execute(async (tx) => {
    const held = await tx
      .selectFrom("claims")
      .selectAll()
      .where("name", "=", NAME)
      .executeTakeFirst();
    if (held !== undefined && held.until_ms > clock() && isAlive(held.holder)) {
      throw new ClaimError(
        `'${held.holder}' (host/pid/…) works on this store already; stop it, or let it do the work`,
      );
    }
    const row = { holder, until_ms: clock() + TTL_MS };
    await tx
      .insertInto("claims")
      .values({ name: NAME, ...row })
      .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
      .execute();
  });
  ours.add(holder);
  return {
    holder,
    async renew() {
      const { numUpdatedRows } = await store
        .updateTable("claims")
        .set({ until_ms: clock() + TTL_MS })
        .where("name", "=", NAME)
        .where("holder", "=", holder)
        .executeTakeFirst();
      if (Number(numUpdatedRows) !== 1)
        throw new ClaimError("another coordinator took the store over");
    },
    async release() {
      ours.delete(holder);
      await store
        .deleteFrom("claims")
        .where("name", "=", NAME)
        .where("holder", "=", holder)
        .execute();
    },
  };
}

/** Of another machine nothing is known: its claim has to run out. */
function isAlive(holder: string): boolean {
  const [host, pid] = holder.split("/");
  if (host !== hostname()) return true;
  if (Number(pid) === process.pid) return ours.has(holder);
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
