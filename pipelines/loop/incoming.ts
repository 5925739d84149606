import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isModelName } from "../../protocols/core/names.ts";
import { sha256Hex } from "../../protocols/repository/documents.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { CandidateTable } from "../store/tables.ts";
import type { CandidateFiles } from "./candidate-files.ts";
import { homePaths } from "./home.ts";

export interface IncomingParts {
  readonly store: Store;
  readonly repository: RepositoryStore;
  readonly home: string;
  readonly warn: (message: string) => void;
}

/** incoming/<model>/model.onnx, whatever the file is called. */
const INCOMING_FILE = /^incoming\/([^/]+)\/([^/]+\.onnx)$/;
const MAX_MODEL_BYTES = 2 * 1024 * 1024 * 1024;

interface Waiting {
  readonly stamp: string;
  /** A candidate was made of it; it could not be taken away yet. */
  readonly isTaken: boolean;
}

/**
 * Makes a candidate of every model that some hand put into incoming/, once by its content, and then
 * takes the file away. A file is read, once, when it was the same at two looks: half-written ones are not.
 */
export class IncomingWatch {
  readonly #parts: IncomingParts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #told = new Map<string, string>();

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  async look(nowMs: number): Promise<void> {
    for (const path of await this.#list()) {
      const [, model] = INCOMING_FILE.exec(path) ?? [];
      if (model === undefined || !isModelName(model)) continue;
      try {
        await this.#take(path, model, nowMs);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (this.#told.get(path) !== why) this.#parts.warn(`${path} was not taken: ${why}`);
        this.#told.set(path, why);
      }
    }
  }

  async #list(): Promise<readonly string[]> {
    try {
      return await this.#parts.repository.list("incoming/");
    } catch {
      // RepositoryView says that it is away.
      return [];
    }
  }

  async #take(path: string, model: string, nowMs: number): Promise<void> {
    const { repository } = this.#parts;
    const stamp = await repository.stamp(path);
    if (stamp === null) return this.#forget(path);
    const before = this.#waiting.get(path);
    if (before?.stamp !== stamp) return void this.#waiting.set(path, { stamp, isTaken: false });
    if (!before.isTaken) {
      if (!(await this.#makeCandidate(path, model, stamp, nowMs))) return;
      this.#waiting.set(path, { stamp, isTaken: true });
    }
    await repository.remove(path);
    this.#forget(path);
  }

  #forget(path: string): void {
    this.#waiting.delete(path);
    this.#told.delete(path);
  }

  /** false when the file changed meanwhile. */
  async #makeCandidate(
    path: string,
    model: string,
    stamp: string,
    nowMs: number,
  ): Promise<boolean> {
    const { store, repository, home, warn } = this.#parts;
    const stored = await repository.read(path, MAX_MODEL_BYTES);
    if (stored === null || (await repository.stamp(path)) !== stamp) return false;
    const sha256 = sha256Hex(stored.bytes);
    const modelPath = homePaths.incoming(home, sha256);
    writeWhole(modelPath, stored.bytes);
    const known = await addCandidate(store, { model, path, sha256, modelPath, nowMs });
    if (known !== null) warn(`${path} was taken before, as ${known}; it is not tried again`);
    return true;
  }
}

interface Arrival {
  readonly model: string;
  readonly path: string;
  readonly sha256: string;
  readonly modelPath: string;
  readonly nowMs: number;
}

/** Returns the candidate that the same bytes became before; null: they are new. */
async function addCandidate(store: Store, arrival: Arrival): Promise<string | null> {
  const { model, path, sha256, nowMs } = arrival;
  return await store.transaction().execute(async (tx) => {
    const known = await tx
      .selectFrom("candidates")
      .select("id")
      .where("model", "=", model)
      .where("source_sha256", "=", sha256)
      .executeTakeFirst();
    if (known !== undefined) return known.id;
    // Of both: the same bytes may come for two models at once.
    const hash = sha256Hex(new TextEncoder().encode(`${model}/${sha256}`));
    const id = `incoming-${nowMs.toString(36)}-${hash.slice(0, 8)}`;
    await tx.insertInto("candidates").values(rowOf(id, arrival)).execute();
    await appendEvent(
      tx,
      {
        type: "candidate.arrived",
        subject: subjectOf.candidate(id),
        runId: null,
        details: { model, path, sha256 },
      },
      nowMs,
    );
    return null;
  });
}

function rowOf(id: string, { model, path, sha256, modelPath, nowMs }: Arrival): CandidateTable {
  const files: CandidateFiles = {
    features: null,
    artifact: null,
    samplePath: null,
    evaluationPath: null,
    referencePath: null,
    modelPath,
    goldenPath: null,
  };
  return {
    id,
    model,
    origin: "incoming",
    stage: "compiled",
    refused_by: null,
    reason: `put into ${path}`,
    train_run_id: null,
    source_sha256: sha256,
    dataset: null,
    dataset_version: null,
    files_json: JSON.stringify(files),
    evaluation_json: null,
    opponent_version: null,
    version: null,
    created_at_ms: nowMs,
    updated_at_ms: nowMs,
  };
}

function writeWhole(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, bytes, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
