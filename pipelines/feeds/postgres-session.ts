import { Client } from "pg";
import { JobError } from "../jobs/job-error.ts";

export interface PostgresSession {
  /** Rows of text: values as PostgreSQL writes them (times in ISO, UTC), null for NULL. */
  rows(sql: string, values?: readonly string[]): Promise<(string | null)[][]>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A session that cannot write, whatever the login may do. Rejects with JobError, transient when the
 * database is away.
 */
export async function openPostgres(options: {
  readonly url: string;
  readonly feedName: string;
  readonly statementTimeoutSecs: number;
  readonly signal: AbortSignal;
}): Promise<PostgresSession> {
  const client = createClient(options);
  const stop = () => void client.end().catch(() => null);
  options.signal.addEventListener("abort", stop, { once: true });
  // A connection that dies between two queries says so here too; the next query rejects.
  client.on("error", () => null);
  const rows = async (sql: string, values?: readonly string[]) => {
    try {
      const query = {
        text: sql,
        rowMode: "array" as const,
        ...(values && { values: [...values] }),
      };
      return (await client.query<(string | null)[]>(query)).rows;
    } catch (error) {
      throw explainPostgres(error, options.statementTimeoutSecs);
    }
  };
  const close = async () => {
    options.signal.removeEventListener("abort", stop);
    await client.end().catch(() => null);
  };
  try {
    await client.connect();
    await rows("SET default_transaction_read_only = on");
    await rows("SET TimeZone = 'UTC'");
    await rows("SET DateStyle = 'ISO, YMD'");
    return { rows, close };
  } catch (error) {
    await close();
    throw error instanceof JobError ? error : explainPostgres(error, options.statementTimeoutSecs);
  }
}

function createClient(options: Parameters<typeof openPostgres>[0]): Client {
  try {
    return new Client({
      connectionString: options.url,
      application_name: `sluice feed ${options.feedName}`,
      statement_timeout: Math.ceil(options.statementTimeoutSecs * 1000),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      types: { getTypeParser: () => (value: string) => value },
    });
  } catch {
    throw new JobError(
      "the database's URL is not of the form postgres://USER:PASSWORD@HOST:PORT/NAME",
    );
  }
}

/** Connection exceptions, too many connections, shutdown, serialisation: they pass. */
const TRANSIENT = /^(08|53|57P0|40)/;
/** Access and names: their messages hold no row. */
const SPEAKABLE = /^(28|3D|3F|42)/;
const TIMED_OUT = "57014";

/** Never the URL; the server's words only where they hold no value of a row. */
function explainPostgres(error: unknown, timeoutSecs: number): JobError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : "";
  if (code === TIMED_OUT) {
    return new JobError(
      `the database took longer than ${timeoutSecs} s: put an index on the cursor's column, or raise statementTimeoutSecs`,
      true,
    );
  }
  if (message.startsWith("SASL")) {
    return new JobError("the database asks for a password, and its URL has none, or a wrong one");
  }
  if (SPEAKABLE.test(code)) return new JobError(`the database refused (${code}): ${message}`);
  if (/^[0-9A-Z]{5}$/.test(code) && !TRANSIENT.test(code)) {
    return new JobError(`the database failed with SQLSTATE ${code}`);
  }
  return new JobError(`the database is away: ${code === "" ? "connection lost" : code}`, true);
}
