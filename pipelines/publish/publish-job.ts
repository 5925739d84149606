import { readFile } from "node:fs/promises";
import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { ModelFormatError } from "../../protocols/onnx/model-format-error.ts";
import { DocumentError } from "../../protocols/repository/documents.ts";
import { LocationError } from "../../protocols/repository/location.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { readJobRedisUrl } from "../jobs/job-env.ts";
import { JobError } from "../jobs/job-error.ts";
import { readAzureSecrets } from "./azure-secrets.ts";
import { ChampionMoved } from "./champion-moved.ts";
import { createStore } from "./create-store.ts";
import { findPublished } from "./find-published.ts";
import { publishModel } from "./publish.ts";
import type { PublishResult, PublishSpec } from "./publish-spec.ts";
import { PublishRefusal } from "./refusal.ts";
import { type RepositoryStore, StoreError } from "./repository-store.ts";
import { requireIndex } from "./require-index.ts";
import { wakeServers } from "./wake-servers.ts";

/**
 * Publishes a version as champion and wakes the servers. A run that was cut off after its version
 * became visible finds it by `lineage.runId` and publishes nothing; cut off before, it leaves a hole
 * in the numbers. REQUIRES: one job at a time for a run id. Rejects with JobError: for good when the
 * model may not be published, transient when the repository could not be reached or its index is gone.
 */
export const publishJob: JobWork<"publish"> = async (spec, context) => {
  try {
    const found = createStore(spec.repository, readAzureSecrets(context.env));
    const store = spec.expectsIndex ? requireIndex(found) : found;
    const runId = spec.lineage["runId"];
    if (runId === undefined || runId === "") throw new JobError("expected a lineage with a runId");
    const published = await publishOnce(store, runId, spec, context);
    await context.pause("published");
    await wake(spec, context);
    return published;
  } catch (thrown) {
    if (thrown instanceof ChampionMoved) {
      return { outcome: "championMoved", reason: thrown.message };
    }
    throw toJobError(thrown);
  }
};

async function publishOnce(
  store: RepositoryStore,
  runId: string,
  spec: PublishSpec,
  context: JobContext,
): Promise<PublishResult> {
  const found = await findPublished(store, spec.model, runId);
  if (found !== null) {
    context.log("published already", { version: found.version });
    return { outcome: "published", ...found };
  }
  const published = await publishModel({
    store,
    modelName: spec.model,
    modelBytes: await readFile(spec.modelPath),
    goldenBytes: spec.goldenPath === null ? null : await readFile(spec.goldenPath),
    alias: DEFAULT_ALIAS,
    breaking: spec.isBreaking,
    expectedChampion: spec.expectedChampion,
    lineage: spec.lineage,
    pause: (point) => context.pause(point),
  });
  return { outcome: "published", ...published };
}

/** A hint only: servers find the version by polling in any case. */
async function wake({ wakesServers, repository }: PublishSpec, context: JobContext): Promise<void> {
  const redisUrl = readJobRedisUrl(context.env);
  if (!wakesServers || redisUrl === null) return;
  const why = await wakeServers(redisUrl, repository);
  if (why !== null) context.log("Redis could not be told; servers will poll", { why });
}

function toJobError(thrown: unknown): unknown {
  if (thrown instanceof StoreError) return new JobError(thrown.message, true);
  const isForGood =
    thrown instanceof PublishRefusal ||
    thrown instanceof ModelFormatError ||
    thrown instanceof DocumentError ||
    thrown instanceof LocationError;
  return isForGood ? new JobError(thrown.message) : thrown;
}
