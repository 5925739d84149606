type Env = Readonly<Record<string, string | undefined>>;

const REDIS_URL = "SLUICE_REDIS_URL";
const HOME = "SLUICE_HOME";

/**
 * The environment of a job: its starter's, the home (vetting has limits of its own there), and what a
 * spec must not hold because specs are kept and shown: the Redis URL may carry a password.
 */
export function jobEnv(env: Env, home: string, redisUrl: string | null): Env {
  const base = { ...env, [HOME]: home };
  return redisUrl === null ? base : { ...base, [REDIS_URL]: redisUrl };
}

/** null: the starter has no Redis. */
export function readJobRedisUrl(env: Env): string | null {
  return env[REDIS_URL] ?? null;
}
