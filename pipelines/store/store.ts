import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Kysely, SqliteDialect, sql, type Transaction } from "kysely";
import { openLibsql } from "./libsql-database.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Tables } from "./tables.ts";

/** What is known of the project's life. Any number of readers; one coordinator writes (see claims). */
export type Store = Kysely<Tables>;
export type StoreTransaction = Transaction<Tables>;
/** Either, for what only reads or what its caller wraps. */
export type StoreReader = Kysely<Tables>;

export function storePath(home: string): string {
  return join(home, "pipelines.db");
}

/**
 * Opens the store, making or migrating it. Closed by `destroy()`.
 * @throws Error naming the file when a newer program made it
 */
export async function openStore(path: string): Promise<Store> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = openLibsql(path);
  chmodSync(path, 0o600);
  const store = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  await store.transaction().execute(async (tx) => {
    const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(tx);
    const version = rows[0]?.user_version ?? 0;
    if (version > MIGRATIONS.length) {
      throw new Error(
        `${path} has schema ${version}; this program knows up to ${MIGRATIONS.length}: use the newer one`,
      );
    }
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
  return store;
}
