import { rmSync } from "node:fs";
import { listCaptureFiles } from "../monitors/capture-files.ts";
import type { StoreReader } from "../store/store.ts";
import { captureSource } from "./commit/commit-collect.ts";

/** One query asks about so many; the rest wait for the next look. */
const MAX_FILES = 5_000;

/** Closed capture files, oldest first. Those whose records are in the store already are deleted on the way. */
export async function untakenCaptureFiles(
  store: StoreReader,
  folder: string | null,
): Promise<string[]> {
  if (folder === null) return [];
  const files = (await listCaptureFiles(folder)).slice(0, MAX_FILES);
  if (files.length === 0) return [];
  const taken = await store
    .selectFrom("edges")
    .innerJoin("runs", "runs.id", "edges.run_id")
    .select("edges.subject")
    .where("edges.subject", "in", files.map(captureSource))
    .where("runs.status", "=", "finished")
    .execute();
  const known = new Set(taken.map((edge) => edge.subject));
  const left: string[] = [];
  for (const file of files) {
    if (known.has(captureSource(file))) rmSync(file, { force: true });
    else left.push(file);
  }
  return left;
}
