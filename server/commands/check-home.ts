import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { readKeyFile } from "../access/key-file.ts";
import type { Config } from "../config/config.ts";
import { gib } from "./check-machine.ts";
import { type Finding, finding } from "./doctor-check.ts";

const GIB = 1024 ** 3;

export function checkHome(home: string): Finding {
  const folder = nearestExisting(home);
  const made = folder === home ? home : `${home} (to be made)`;
  try {
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    return finding("home", "fail", `${made} cannot be written: ${(error as Error).message}`);
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  return free < GIB
    ? finding("home", "warn", `${made}, only ${gib(free)} free for the model cache`)
    : finding("home", "ok", `${made}, ${gib(free)} free`);
}

export function checkKeys({ keysFile, insecure, host }: Config): Finding {
  if (keysFile === null) {
    return insecure
      ? finding("keys", "warn", `none, and ${host} is bound with --insecure: anyone may ask`)
      : finding("keys", "ok", `none; ${host} serves without authentication`);
  }
  try {
    const now = Date.now();
    const live = readKeyFile(keysFile).filter(
      ({ revokedAt, expiresAt }) =>
        revokedAt === null && (expiresAt === null || Date.parse(expiresAt) > now),
    );
    return live.length === 0
      ? finding("keys", "warn", `${keysFile} has no live key: every request is refused`)
      : finding("keys", "ok", `${live.length} live in ${keysFile}`);
  } catch (error) {
    return finding("keys", "fail", (error as Error).message);
  }
}

function nearestExisting(folder: string): string {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}
