import { existsSync } from "node:fs";
import { isModelGlob } from "../access/glob.ts";
import { isLoopback } from "../lib/local-host.ts";
import type { Config, PipelinesConfig } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import { readModelPolicies } from "./model-policies.ts";

/** What no single value of `sluice serve` shows. @throws ConfigError saying what to change. */
export function crossCheck(config: Config): void {
  checkPorts(config, ["httpPort", "grpcPort", "metricsPort", "adminPort"]);
  checkExposure(config);
  checkKeysFile(config);
  checkCapture(config);
  readModelPolicies(config);
  checkTls(config);
  checkOrigins(config.corsOrigins);
  checkGlobs(config, "captureModels");
  checkGlobs(config, "pinModels");
  if (config.maxInflightBytes < config.maxBodyBytes) {
    throw new ConfigError(
      `maxInflightBytes (${config.maxInflightBytes}) must be at least maxBodyBytes (${config.maxBodyBytes}), or the largest body could never be let in`,
    );
  }
  if (config.readyModels.length > 0 !== (config.readiness === "listed")) {
    throw new ConfigError(
      `readyModels and readiness listed go together; readiness is ${config.readiness}, readyModels has ${config.readyModels.length} names`,
    );
  }
  if (config.loadModel.length > 0 && config.modelControlMode !== "explicit") {
    throw new ConfigError(
      `loadModel is only for modelControlMode explicit, which is ${config.modelControlMode}`,
    );
  }
}

function checkGlobs(config: Config, key: "captureModels" | "pinModels"): void {
  const bad = config[key].find((glob) => !isModelGlob(glob));
  if (bad === undefined) return;
  throw new ConfigError(
    `${key} must hold model names, prefixes such as fraud-* or *, got ${JSON.stringify(bad.slice(0, 80))}`,
  );
}

const TRAINER_COMMAND = /^[A-Za-z][A-Za-z0-9_-]{0,62}=\s*\S/;

/** What no single value of `sluice pipelines` shows. @throws ConfigError saying what to change. */
export function crossCheckPipelines(config: PipelinesConfig): void {
  checkPorts(config, ["pipelinesPort", "pipelinesMetricsPort"]);
  checkExposure(config);
  checkKeysFile(config);
  checkCapture(config);
  const names = new Set<string>();
  for (const command of config.trainerCommands) {
    if (!TRAINER_COMMAND.test(command)) {
      throw new ConfigError(
        `trainerCommands must be NAME=PROGRAM ARG …, the name of letters, digits, _ and -, got ${JSON.stringify(command.slice(0, 80))}`,
      );
    }
    const name = command.slice(0, command.indexOf("="));
    if (names.has(name)) throw new ConfigError(`trainerCommands has '${name}' twice`);
    names.add(name);
  }
}

type PortKey =
  | "adminPort"
  | "httpPort"
  | "grpcPort"
  | "metricsPort"
  | "pipelinesPort"
  | "pipelinesMetricsPort";

function checkPorts<K extends PortKey>(config: Pick<Config, K>, keys: readonly K[]): void {
  const seen = new Map<number, string>();
  for (const key of keys) {
    const port = config[key];
    const other = seen.get(port);
    if (port !== 0 && other !== undefined) {
      throw new ConfigError(`${key} and ${other} are both ${port}; ports must differ`);
    }
    seen.set(port, key);
  }
}

function checkExposure(config: Pick<Config, "home" | "host" | "insecure" | "keysFile">): void {
  if (isLoopback(config.host) || config.insecure || config.keysFile !== null) return;
  throw new ConfigError(
    `host ${config.host} can be reached from other machines and there are no keys: make one with 'sluice keys create --home ${config.home} --role admin --name NAME', or bind 127.0.0.1, or pass --insecure`,
  );
}

function checkKeysFile({ keysFile }: Pick<Config, "keysFile">): void {
  if (keysFile === null || existsSync(keysFile)) return;
  throw new ConfigError(
    `keysFile ${keysFile} does not exist; make it with 'sluice keys create --keys-file ${keysFile} --role admin --name NAME'`,
  );
}

function checkOrigins(origins: readonly string[]): void {
  const bad = origins.find((origin) => !isOrigin(origin));
  if (bad === undefined) return;
  throw new ConfigError(
    `corsOrigins must hold exact origins such as https://app.example:8443, in lower case, without a path or *, got ${JSON.stringify(bad.slice(0, 80))}`,
  );
}

function isOrigin(text: string): boolean {
  return (
    URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text
  );
}

function checkTls({ tlsCertFile, tlsKeyFile }: Config): void {
  if ((tlsCertFile === null) === (tlsKeyFile === null)) return;
  const [given, missing] =
    tlsCertFile === null ? ["tlsKeyFile", "tlsCertFile"] : ["tlsCertFile", "tlsKeyFile"];
  throw new ConfigError(`${given} is set and ${missing} is not; TLS needs both`);
}

function checkCapture(config: Pick<Config, "captureFolder" | "captureStream" | "redisUrl">): void {
  if (config.captureStream === null) return;
  if (config.captureFolder !== null) {
    throw new ConfigError("captureFolder and captureStream are both set; keep one");
  }
  if (config.redisUrl === null) {
    throw new ConfigError(`captureStream ${config.captureStream} needs redisUrl, which is not set`);
  }
}
