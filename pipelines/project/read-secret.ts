import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { JobError } from "../jobs/job-error.ts";
import type { SecretRef } from "./project.ts";

/**
 * The secret that a project file names.
 * @param folder where a relative `file` starts: the project's folder
 * @returns never empty; a file's text without the line end that editors and mounts leave
 * @throws JobError naming the reference, never the value
 */
export function readSecretRef(
  ref: SecretRef,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): string {
  const value = "env" in ref ? env[ref.env] : readSecretFile(ref.file, folder);
  if (value === undefined || value === "") {
    throw new JobError(`the secret ${nameOf(ref)} is ${value === "" ? "empty" : "not set"}`);
  }
  return value;
}

function readSecretFile(path: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, path), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new JobError(`the secret {file: ${path}} cannot be read: ${code}`);
  }
}

function nameOf(ref: SecretRef): string {
  return "env" in ref ? `{env: ${ref.env}}` : `{file: ${ref.file}}`;
}
