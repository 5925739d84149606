import { setTimeout as delay } from "node:timers/promises";
import { App } from "./app.ts";
import type { Config } from "./config/config.ts";
import type { LoadedConfig } from "./config/load.ts";
import { isLoopback } from "./lib/local-host.ts";
import { createLogger, type Logger } from "./lib/log.ts";
import type { StopSignals } from "./lib/stop-signals.ts";

export interface ServeIo {
  readonly stdout: { write(text: string): unknown };
  /** Caught since before this was loaded, so that a signal during the start is not lost. */
  readonly stopSignals: StopSignals;
  /** Waits for ever at the named point in kill tests; a no-op otherwise. */
  readonly pause: (point: string) => Promise<void>;
}

const MS_PER_SECOND = 1000;

/**
 * `sluice serve`: runs until SIGTERM or SIGINT, drains, and returns the exit code. A second signal
 * skips the drain delay. Rejects, with nothing left open, when it cannot start.
 */
export async function runServe(
  { config, secrets, origins }: Omit<LoadedConfig, "file">,
  io: ServeIo,
): Promise<number> {
  const log = createLogger(config.logLevel, "control");
  const { stopSignals } = io;
  const broken = new AbortController();
  const app = await App.create({
    config,
    secrets,
    origins,
    log,
    pause: io.pause,
    onFatal: (reason) => {
      log.fatal({ reason }, "cannot go on serving");
      broken.abort();
    },
  });
  await start(app, config, io);
  await whenAborted(AbortSignal.any([stopSignals.first, broken.signal]));
  app.setUnready();
  log.info(
    { signal: stopSignals.first.reason, drainDelayMs: config.drainDelayMs },
    "draining: not ready, still serving",
  );
  await delay(config.drainDelayMs, undefined, { signal: stopSignals.second }).catch(
    () => undefined,
  );
  const isClean = await stopWithin(app, config, log);
  log.info({ isClean }, "stopped");
  return broken.signal.aborted ? 1 : 0;
}

async function start(app: App, config: Config, io: ServeIo): Promise<void> {
  try {
    announce(app, await app.start(), config, io);
  } catch (thrown) {
    // Threads that did start would keep the process alive for ever.
    await app.stop(0);
    throw thrown;
  }
}

/**
 * Ending the process inside a native call would abort it (exit 134), so a clean end waits for the
 * call. One that outlives the deadline by as much again is a runaway: the process kills itself,
 * which at least is quick and says so.
 */
async function stopWithin(app: App, config: Config, log: Logger): Promise<boolean> {
  const deadlineMs = config.exitTimeoutSecs * MS_PER_SECOND;
  const runaway = setTimeout(() => {
    log.fatal("a native call does not end; killing the process");
    process.kill(process.pid, "SIGKILL");
  }, 2 * deadlineMs);
  const isClean = await app.stop(deadlineMs);
  clearTimeout(runaway);
  return isClean;
}

function announce(
  app: App,
  endpoints: Awaited<ReturnType<App["start"]>>,
  config: Config,
  io: ServeIo,
): void {
  const { httpPort, grpcPort, metricsPort, adminPort, transport, engine, threads } = endpoints;
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  const isSecure = config.tlsCertFile !== null;
  const scheme = isSecure ? "https" : "http";
  const grpcPrefix = isSecure ? "grpcs://" : "";
  io.stdout.write(
    `${[
      `repository ${app.sourceDescription}`,
      `transport  ${transport}, ${threads} HTTP thread${threads === 1 ? "" : "s"}`,
      `engine     ${engine}`,
      `access     ${tellAccess(config)}`,
      `listening  http=${scheme}://${host}:${httpPort} grpc=${grpcPrefix}${host}:${grpcPort} metrics=http://${host}:${metricsPort}/metrics`,
      `admin      http://127.0.0.1:${adminPort}/v1/status (this machine only)`,
    ].join("\n")}\n`,
  );
}

function tellAccess(config: Config): string {
  if (config.keysFile !== null) return "API keys";
  return isLoopback(config.host)
    ? "open (no keys; this machine only)"
    : "open to the network (--insecure)";
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
