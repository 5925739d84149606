import { type ConfigInputs, type LoadedConfig, loadConfig, loadPlaces } from "../config/load.ts";
import { tlsFilesOf } from "../tls-room.ts";
import { checkHome, checkKeys } from "./check-home.ts";
import { checkCpu, checkMemory, checkNode } from "./check-machine.ts";
import { checkRedis, checkRepository } from "./check-neighbours.ts";
import { checkEngine, checkOnnxRuntime, checkSockets } from "./check-packages.ts";
import { checkTls } from "./check-tls.ts";
import { type Finding, finding } from "./doctor-check.ts";
import type { Io } from "./io.ts";

/** Says what this machine can do and why; exit code 1 where `serve` would fail. */
export async function doctorCommand(inputs: ConfigInputs, io: Io): Promise<number> {
  const findings = [
    checkNode(),
    checkCpu(),
    checkMemory(),
    await checkOnnxRuntime(),
    await checkSockets(),
    ...(await checkConfiguration(inputs)),
  ];
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, state, text } of findings) {
    io.stdout.write(`${state.padEnd(4)}  ${name.padEnd(width)}  ${text}\n`);
  }
  return findings.some(({ state }) => state === "fail") ? 1 : 0;
}

async function checkConfiguration(inputs: ConfigInputs): Promise<Finding[]> {
  let loaded: LoadedConfig;
  try {
    loaded = loadConfig(inputs);
  } catch (error) {
    const problem = finding("config", "fail", (error as Error).message);
    const home = tryHome(inputs);
    return home === null ? [problem] : [problem, checkHome(home)];
  }
  const { config, file } = loaded;
  return [
    finding("config", "ok", file ?? "no server.yaml: flags, environment and defaults"),
    await checkEngine(config.engine),
    checkHome(config.home),
    checkKeys(config),
    checkTls(tlsFilesOf(config)),
    await checkRepository(config),
    ...(config.redisUrl === null ? [] : [await checkRedis(config.redisUrl)]),
  ];
}

function tryHome(inputs: ConfigInputs): string | null {
  try {
    return loadPlaces(inputs).home;
  } catch {
    return null;
  }
}
