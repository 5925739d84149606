import { readFileSync } from "node:fs";

/**
 * A secret from NAME, or from the file that NAME_FILE names (a mounted secret); null if neither.
 * @param fail throws the caller's error, where both are set or the file cannot be read; the message
 *   never holds the value
 */
export function readEnvSecret(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  fail: (message: string) => never,
): { readonly value: string; readonly from: string } | null {
  const direct = env[name] ?? "";
  const file = env[`${name}_FILE`] ?? "";
  if (direct !== "" && file !== "") fail(`${name} and ${name}_FILE are both set; keep one`);
  if (direct !== "") return { value: direct, from: name };
  if (file === "") return null;
  const value = readFile(file, name, fail);
  if (value === "") fail(`${name}_FILE names an empty file: ${file}`);
  return { value, from: `${name}_FILE` };
}

function readFile(file: string, name: string, fail: (message: string) => never): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    return fail(`${name}_FILE cannot be read: ${(error as Error).message}`);
  }
}
