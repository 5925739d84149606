import { Client } from "pg";
import type { TestPostgres } from "../feeds/testing/postgres.ts";
import type { Order } from "./orders.ts";

/** Logins: `reader` may only SELECT the orders; `publisher` owns the views; `analyst` reads them. */
export const LOGINS = { reader: "reader", publisher: "publisher", analyst: "analyst" } as const;
/** Of the source. */
export const SOURCE = "shop";
/** Of the views. */
export const MARTS = "marts";

/** Two databases of one server: the one that data comes from and the one that predictions go to. */
export async function createShop(postgres: TestPostgres): Promise<void> {
  await postgres.run(`CREATE DATABASE ${SOURCE}`);
  await postgres.run(`CREATE DATABASE ${MARTS}`);
  await postgres.run(`
    CREATE ROLE ${LOGINS.reader} LOGIN;
    CREATE ROLE ${LOGINS.publisher} LOGIN CREATEROLE;
    CREATE ROLE ${LOGINS.analyst} LOGIN;
    GRANT CREATE ON DATABASE ${MARTS} TO ${LOGINS.publisher}`);
  await queryAs(postgres, "postgres", SOURCE, [
    `CREATE TABLE orders (
       order_id bigint PRIMARY KEY, placed_at timestamptz NOT NULL, email text NOT NULL,
       country text, channel text NOT NULL, weight_kg double precision, items integer NOT NULL,
       late boolean NOT NULL)`,
    `GRANT SELECT ON orders TO ${LOGINS.reader}`,
  ]);
}

/** All of them in one transaction: a pull sees a whole day, or nothing of it. */
export async function insertOrders(
  postgres: TestPostgres,
  orders: readonly Order[],
): Promise<void> {
  const column = (of: (order: Order) => unknown) => orders.map(of);
  const client = await connect(postgres, "postgres", SOURCE);
  try {
    await client.query(
      `INSERT INTO orders SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[],
         $4::text[], $5::text[], $6::double precision[], $7::integer[], $8::boolean[])`,
      [
        column((order) => order.id),
        column((order) => order.placedAt.toISOString()),
        column((order) => order.email),
        column((order) => order.country),
        column((order) => order.channel),
        column((order) => order.weightKg),
        column((order) => order.items),
        column((order) => order.late),
      ],
    );
  } finally {
    await client.end();
  }
}

export type Row = Readonly<Record<string, unknown>>;

/** The rows of the last statement. */
export async function queryAs(
  postgres: TestPostgres,
  login: string,
  database: string,
  statements: readonly string[],
): Promise<readonly Row[]> {
  const client = await connect(postgres, login, database);
  try {
    let rows: readonly Row[] = [];
    for (const statement of statements) rows = (await client.query<Row>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

async function connect(postgres: TestPostgres, login: string, database: string): Promise<Client> {
  const client = new Client({ connectionString: postgres.urlOf(login, database) });
  await client.connect();
  return client;
}
