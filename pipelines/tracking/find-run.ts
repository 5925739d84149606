import type { Selectable } from "kysely";
import type { StoreReader } from "../store/store.ts";
import type { RunTable } from "../store/tables.ts";
import { afterPrefix } from "./after-prefix.ts";
import { TrackingError } from "./tracking-error.ts";

export type RunRow = Selectable<RunTable>;

/**
 * The run of this id, or the only one whose id begins so.
 * @throws TrackingError
 */
export async function findRun(store: StoreReader, idOrPrefix: string): Promise<RunRow> {
  const id = idOrPrefix.replace(/^run:/, "");
  const exact = await store.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
  if (exact !== undefined) return exact;
  const found =
    id === ""
      ? []
      : await store
          .selectFrom("runs")
          .selectAll()
          .where("id", ">=", id)
          .where("id", "<", afterPrefix(id))
          .orderBy("id")
          .limit(3)
          .execute();
  const [first, second] = found;
  if (first === undefined) throw new TrackingError(`expected the id of a run, came '${id}'`);
  if (second === undefined) return first;
  throw new TrackingError(
    `expected the beginning of one run's id, came '${id}', which ${found.map((run) => run.id).join(", ")}${found.length === 3 ? " and perhaps more" : ""} begin with`,
  );
}
