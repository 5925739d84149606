import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadedProject } from "../../project/loaded-project.ts";
import type { Project } from "../../project/project.ts";
import { openStore, type Store, storePath } from "../../store/store.ts";
import type { RunTable } from "../../store/tables.ts";
import type { PlannedRun } from "../planned-run.ts";
import type { RunFacts } from "../run-facts.ts";
import { makeProject } from "./make-snapshot.ts";

/** A real store in a home of its own. */
export interface StoreHome {
  readonly home: string;
  readonly store: Store;
  run(id: string): Promise<RunTable>;
  events(): Promise<string[]>;
  close(): Promise<void>;
}

export const FACTS: RunFacts = {
  gitCommit: null,
  gitDirty: null,
  lockfileSha256: null,
  configSha256: "0".repeat(64),
};

export async function openStoreHome(): Promise<StoreHome> {
  const home = mkdtempSync(join(tmpdir(), "sluice-store-"));
  const store = await openStore(storePath(home));
  return {
    home,
    store,
    run: (id) =>
      store.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirstOrThrow(),
    async events() {
      const rows = await store.selectFrom("events").select("type").orderBy("seq").execute();
      return rows.map(({ type }) => type);
    },
    async close() {
      await store.destroy();
      rmSync(home, { recursive: true });
    },
  };
}

export function loadedProject(change: Partial<Project> = {}): LoadedProject {
  const sha256 = "1".repeat(64);
  return { project: makeProject(change), file: "/p/sluice.yaml", folder: "/p", sha256 };
}

/** A vetting of candidate `c`, or what the change says; its spec is never read. */
export function plannedRun(key: string, change: Partial<PlannedRun> = {}): PlannedRun {
  return {
    kind: "vet",
    subject: "candidate:c",
    key,
    reason: "a test",
    spec: {},
    inputs: ["candidate:c"],
    ...change,
  } as PlannedRun;
}
