import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { parseManifest } from "../../protocols/repository/documents.ts";
import { manifestPath } from "../../protocols/repository/layout.ts";
import { identityModel, scaleModel } from "../../server/testing/tiny-models.ts";
import { createJobFixture, type JobFixture, put } from "../compile/testing/job-fixture.ts";
import type { JobContext } from "../jobs/job.ts";
import { jobEnv } from "../jobs/job-env.ts";
import { JobError } from "../jobs/job-error.ts";
import { DirectoryStore } from "./directory-store.ts";
import { publishJob } from "./publish-job.ts";
import type { PublishSpec } from "./publish-spec.ts";
import { readIndex } from "./update-index.ts";

describe("the publish job", () => {
  let job: JobFixture;
  beforeEach(() => {
    job = createJobFixture();
  });
  afterEach(() => job.remove());

  const repository = () => join(job.folder, "repository");
  const specOf = (runId: string, changes: Partial<PublishSpec> = {}): PublishSpec => ({
    model: "m",
    modelPath: put(job.folder, "given.onnx", scaleModel(2)),
    goldenPath: null,
    repository: repository(),
    wakesServers: false,
    isBreaking: false,
    expectedChampion: "any",
    expectsIndex: false,
    lineage: { runId, dataset: "d/3" },
    ...changes,
  });
  const stopAt = (point: string): JobContext => ({
    ...job.context,
    pause: async (reached) => {
      if (reached === point) throw new Error(`stopped at ${point}`);
    },
  });
  /** REQUIRES: it is published. */
  const publish = async (spec: PublishSpec, context = job.context) => {
    const result = await publishJob(spec, context);
    assert.ok(result.outcome === "published", JSON.stringify(result));
    return result;
  };
  const indexed = async () => (await readIndex(new DirectoryStore(repository()))).models["m"];

  it("publishes as champion, with the run in the manifest", async () => {
    const published = await publishJob(specOf("r1"), job.context);
    const outcome = "published";
    assert.deepEqual(published, { outcome, version: 1, generation: 1, replaced: null });
    const stored = await new DirectoryStore(repository()).read(manifestPath("m", 1), 1e6);
    const { lineage } = parseManifest("manifest", stored?.bytes ?? new Uint8Array());
    assert.deepEqual([lineage["runId"], lineage["dataset"]], ["r1", "d/3"]);
    assert.equal((await indexed())?.aliases["champion"], 1);
    assert.deepEqual(job.pauses, ["claimed", "uploaded", "described", "published"]);
  });

  it("publishes one version for one run, however often it is asked", async () => {
    await publishJob(specOf("r0"), job.context);
    const once = await publish(specOf("r1"));
    assert.deepEqual([once.version, once.replaced], [2, 1]);
    assert.deepEqual(await publishJob(specOf("r1"), job.context), once);
    await publishJob(specOf("r2"), job.context);
    const late = await publish(specOf("r1"));
    assert.deepEqual([late.version, late.replaced], [2, null]);
    assert.deepEqual(Object.keys((await indexed())?.versions ?? {}), ["1", "2", "3"]);
    assert.equal((await indexed())?.aliases["champion"], 3);
  });

  it("finds its version after it was cut off once that was visible", async () => {
    await assert.rejects(publishJob(specOf("r1"), stopAt("published")), /stopped at published/);
    assert.equal((await publish(specOf("r1"))).version, 1);
    assert.equal(Object.keys((await indexed())?.versions ?? {}).length, 1);
  });

  it("leaves nothing to see when it is cut off before, and a hole in the numbers", async () => {
    for (const point of ["claimed", "uploaded", "described"]) {
      await assert.rejects(publishJob(specOf("r1"), stopAt(point)), /stopped at/);
    }
    assert.equal(await indexed(), undefined);
    assert.equal((await publish(specOf("r1"))).version, 4);
    assert.deepEqual(Object.keys((await indexed())?.versions ?? {}), ["4"]);
  });

  it("rejects for good what may not be published", async () => {
    await publishJob(specOf("r1"), job.context);
    const other = put(job.folder, "other.onnx", identityModel("FP32"));
    const isForGood = (message: RegExp) => (error: unknown) => {
      assert.ok(error instanceof JobError, String(error));
      assert.match(error.message, message);
      return !error.isTransient;
    };
    await assert.rejects(
      publishJob(specOf("r2", { modelPath: other }), job.context),
      isForGood(/clients of 'm' version 1 \(champion\) could break/),
    );
    const breaking = specOf("r2", { modelPath: other, isBreaking: true });
    assert.equal((await publish(breaking)).version, 2);
    await assert.rejects(
      publishJob(specOf("r3", { modelPath: put(job.folder, "no.onnx", "{}") }), job.context),
      isForGood(/expected an ONNX model/),
    );
    await assert.rejects(
      publishJob(specOf("r3", { lineage: {} }), job.context),
      isForGood(/lineage with a runId/),
    );
  });

  it("publishes nothing in place of a champion that the model was not held against", async () => {
    await publish(specOf("r1", { expectedChampion: "none" }));
    const moved = async (spec: PublishSpec, context = job.context) => {
      const result = await publishJob(spec, context);
      assert.ok(result.outcome === "championMoved", JSON.stringify(result));
      return result.reason;
    };
    assert.match(
      await moved(specOf("r2", { expectedChampion: "none" })),
      /expected the champion of 'm' to be none, found version 1/,
    );
    const byHand = (point: string) => ({
      ...job.context,
      async pause(reached: string) {
        if (reached === point) await publish(specOf("by hand"));
      },
    });
    assert.match(
      await moved(specOf("r3", { expectedChampion: 1 }), byHand("described")),
      /to be version 1, found version 3/,
    );
    assert.equal((await indexed())?.aliases["champion"], 3);
    assert.equal((await publish(specOf("r4", { expectedChampion: 3 }))).replaced, 3);
    assert.equal((await publish(specOf("r4", { expectedChampion: 3 }))).version, 4);
  });

  it("may be tried again when an index that was there is gone, and writes no new one", async () => {
    await assert.rejects(
      publishJob(specOf("r1", { expectsIndex: true }), job.context),
      (error: unknown) =>
        error instanceof JobError && error.isTransient && /is gone/.test(error.message),
    );
    assert.equal(existsSync(join(repository(), "index.json")), false);
  });

  it("may be tried again when the repository cannot be read", async () => {
    writeFileSync(join(job.folder, "file"), "");
    await assert.rejects(
      publishJob(specOf("r1", { repository: join(job.folder, "file") }), job.context),
      (error: unknown) => error instanceof JobError && error.isTransient,
    );
  });

  it("publishes all the same when Redis cannot be told", async () => {
    const env = jobEnv(job.context.env, job.folder, "redis://127.0.0.1:1");
    const spec = specOf("r1", { wakesServers: true });
    assert.equal((await publish(spec, { ...job.context, env })).version, 1);
    assert.deepEqual(job.lines, ["Redis could not be told; servers will poll"]);
  });

  it("names an Azure secret that cannot be read, without its value", async () => {
    const env = { AZURE_STORAGE_KEY: "s3cret", AZURE_STORAGE_KEY_FILE: "/nowhere" };
    await assert.rejects(
      publishJob(specOf("r1"), { ...job.context, env }),
      /^JobError: AZURE_STORAGE_KEY and AZURE_STORAGE_KEY_FILE are both set; keep one$/,
    );
    assert.equal(existsSync(repository()), false);
  });
});
