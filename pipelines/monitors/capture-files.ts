import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CAPTURE_FILE } from "../../protocols/capture/capture-record.ts";

/** Absolute paths of the closed capture files of a folder, oldest first; none where there is no folder. */
export async function listCaptureFiles(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  // The name starts with 13 digits of epoch milliseconds: the order of names is that of writing.
  return names
    .filter((name) => CAPTURE_FILE.test(name))
    .sort()
    .map((name) => join(folder, name));
}
