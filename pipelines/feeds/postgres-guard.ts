import { JobError } from "../jobs/job-error.ts";
import type { PostgresSession } from "./postgres-session.ts";

/** A table or view that the login may read and not write. */
export interface ReadOnlyTable {
  readonly oid: string;
  /** Quoted, with its schema. */
  readonly name: string;
}

const TABLE = `
  SELECT c.oid, format('%I.%I', n.nspname, c.relname), format('%I', n.nspname),
    format('%I', session_user), has_any_column_privilege(c.oid, 'SELECT')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1)`;

/** Every role that the login can become counts: it need not inherit a privilege to use it. */
const PRIVILEGES = `
  WITH roles AS (
    SELECT oid, rolsuper FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')
  )
  SELECT 'SUPERUSER' WHERE EXISTS (SELECT 1 FROM roles WHERE rolsuper)
  UNION ALL
  SELECT 'OWNER' FROM pg_class c JOIN roles r ON r.oid = c.relowner WHERE c.oid = $1::oid
  UNION ALL
  SELECT p.privilege FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(privilege)
  WHERE EXISTS (
    SELECT 1 FROM roles r
    WHERE CASE WHEN has_table_privilege(r.oid, $1::oid, p.privilege) THEN true
      WHEN p.privilege IN ('INSERT', 'UPDATE')
        THEN has_any_column_privilege(r.oid, $1::oid, p.privilege)
      ELSE false END)`;

/**
 * Finds the table, and refuses a login that could write to it: a session that only promises to read
 * is one mistake away from writing.
 * @param table `table` or `schema.table`, in the case of its definition
 * Rejects with JobError naming the privilege and what to run.
 */
export async function findReadOnlyTable(
  session: PostgresSession,
  table: string,
): Promise<ReadOnlyTable> {
  const quoted = table.split(".").map((part) => `"${part.replaceAll('"', '""')}"`);
  const [found] = await session.rows(TABLE, [quoted.join(".")]);
  if (found === undefined) throw new JobError(`the database has no table or view ${table}`);
  const [oid, name, schema, login, mayRead] = found.map((cell) => cell ?? "");
  const held = await session.rows(PRIVILEGES, [oid ?? ""]);
  const privileges = held.map(([privilege]) => privilege ?? "");
  if (privileges.length > 0) throw new JobError(explainWriter(privileges, { name, schema, login }));
  if (mayRead !== "t") {
    throw new JobError(
      `the login ${login} may not read ${name}: run GRANT USAGE ON SCHEMA ${schema} TO ${login}; GRANT SELECT ON ${name} TO ${login};`,
    );
  }
  return { oid: oid ?? "", name: name ?? "" };
}

function explainWriter(
  privileges: readonly string[],
  { name, schema, login }: Readonly<Record<"name" | "schema" | "login", string | undefined>>,
): string {
  const own = `CREATE ROLE sluice_reader LOGIN; GRANT USAGE ON SCHEMA ${schema} TO sluice_reader; GRANT SELECT ON ${name} TO sluice_reader;`;
  if (privileges.includes("SUPERUSER")) {
    return `the login ${login} is, or can become, a SUPERUSER; a feed's login may only read: run ${own}`;
  }
  if (privileges.includes("OWNER")) {
    return `the login ${login} is, or can become, the OWNER of ${name}; a feed's login may only read: run ${own}`;
  }
  const list = privileges.join(", ");
  return `the login ${login} may ${list} on ${name}; a feed's login may only read: run REVOKE ${list} ON ${name} FROM ${login}; or, if a role or PUBLIC lends it, ${own}`;
}
