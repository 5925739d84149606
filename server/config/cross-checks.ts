import { existsSync } from "node:fs";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";

/** What no single value shows. @throws ConfigError saying what to change. */
export function crossCheck(config: Config): void {
  checkPorts(config);
  checkExposure(config);
  if (config.keysFile !== null && !existsSync(config.keysFile)) {
    throw new ConfigError(
      `keysFile ${config.keysFile} does not exist; make it with 'sluice keys create --keys-file ${config.keysFile} --role admin --name NAME'`,
    );
  }
  if (config.maxInflightBytes < config.maxBodyBytes) {
    throw new ConfigError(
      `maxInflightBytes (${config.maxInflightBytes}) must be at least maxBodyBytes (${config.maxBodyBytes}), or the largest body could never be let in`,
    );
  }
  if (config.loadModel.length > 0 && config.modelControlMode !== "explicit") {
    throw new ConfigError(
      `loadModel is only for modelControlMode explicit, which is ${config.modelControlMode}`,
    );
  }
}

function checkPorts(config: Config): void {
  const seen = new Map<number, string>();
  for (const key of ["httpPort", "grpcPort", "metricsPort"] as const) {
    const port = config[key];
    const other = seen.get(port);
    if (port !== 0 && other !== undefined) {
      throw new ConfigError(`${key} and ${other} are both ${port}; ports must differ`);
    }
    seen.set(port, key);
  }
}

function checkExposure(config: Config): void {
  if (isLoopback(config.host) || config.insecure || config.keysFile !== null) return;
  throw new ConfigError(
    `host ${config.host} can be reached from other machines and there are no keys: make one with 'sluice keys create --home ${config.home} --role admin --name NAME', or bind 127.0.0.1, or pass --insecure`,
  );
}

/** Is the address one that only this machine can reach? */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
