import { readFileSync } from "node:fs";
import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import type { DirectoryStore } from "../publish/directory-store.ts";
import { publishModel } from "../publish/publish.ts";
import { readIndex } from "../publish/update-index.ts";
import type { DemoAssets, DemoModel } from "./demo-assets.ts";
import { DEMO_MODEL, DEMO_REF, exampleFrame } from "./demo-model.ts";
import type { Say } from "./say.ts";
import { type SwapReport, swapUnderLoad } from "./swap-under-load.ts";

/** Publishes the first version into a repository that has none. */
export async function publishFirst(
  store: DirectoryStore,
  assets: DemoAssets,
  say: Say,
): Promise<void> {
  const champion = await championOf(store);
  if (champion !== null) {
    say(`the repository has ${DEMO_MODEL}, champion version ${champion}`);
    return;
  }
  const [first] = assets.models;
  const version = await publish(store, first);
  say(`published ${first.label} as ${DEMO_MODEL} version ${version}`);
}

/** Publishes the next version under load over every client. @throws Error when a request failed */
export async function showSwap(
  clients: readonly InferenceClient[],
  store: DirectoryStore,
  assets: DemoAssets,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  // Odd versions are the first file, even ones the second.
  const isOdd = ((await championOf(store)) ?? 1) % 2 === 1;
  const next = assets.models[isOdd ? 1 : 0];
  say(`publishing ${next.label} as the next version, under load over all three protocols …`);
  const report = await swapUnderLoad({
    clients,
    ref: DEMO_REF,
    inputs: exampleFrame(assets),
    publish: () => publish(store, next),
    onWait: (waitedMs, answers, failures) => {
      const waited = (waitedMs / 1000).toFixed(0);
      say(`  vetting and loading it for ${waited} s; ${answers} answers, ${failures} failed`);
    },
    signal,
  });
  for (const line of tellSwap(report)) say(line);
  const [failure] = report.failures;
  if (failure !== undefined) throw new Error(`the swap failed requests: ${failure}`);
}

async function championOf(store: DirectoryStore): Promise<number | null> {
  const { models } = await readIndex(store);
  return models[DEMO_MODEL]?.aliases["champion"] ?? null;
}

async function publish(store: DirectoryStore, model: DemoModel): Promise<number> {
  const { version } = await publishModel({
    store,
    modelName: DEMO_MODEL,
    modelBytes: readFileSync(model.path),
    goldenBytes: null,
    alias: "champion",
    breaking: false,
    lineage: { label: model.label },
    pause: () => Promise.resolve(),
  });
  return version;
}

function tellSwap({ answered, failures, firstNewMs }: SwapReport): string[] {
  const versions = [...answered].map(([version, count]) => `version ${version}: ${count}`);
  const first = [...firstNewMs].map(([protocol, ms]) => `${protocol} ${Math.round(ms)} ms`);
  return [
    `swapped: ${versions.join(", ")} answers; failed: ${failures.length}`,
    `first answer of the new version after publishing: ${first.join(", ")}`,
  ];
}
