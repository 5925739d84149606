import { readFileSync } from "node:fs";
import type { ControlClient, InferenceClient } from "../../../protocols/client/inference-client.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import type { DirectoryStore } from "../../publish/directory-store.ts";
import { publishModel } from "../../publish/publish.ts";
import { readIndex } from "../../publish/update-index.ts";
import { untilReady } from "../connect-clients.ts";
import type { Say } from "../say.ts";
import { drawFace } from "./draw-face.ts";
import { faceInput, findFaces } from "./find-faces.ts";
import { loadPictureAssets } from "./picture-assets.ts";
import { lineInput, readText } from "./read-line.ts";

const RECOGNISER = "pp-ocr";
const DETECTOR = "blazeface";

/** Publishes two models for pictures, unless they are there, and shows what they see. */
export async function showPictures(
  client: InferenceClient & ControlClient,
  store: DirectoryStore,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const assets = loadPictureAssets();
  await publishOnce(store, RECOGNISER, assets.recogniserPath);
  await publishOnce(store, DETECTOR, assets.detectorPath);
  const ask = async (name: string, input: Tensor): Promise<readonly Tensor[]> => {
    const ref = { name, version: null };
    await untilReady(client, ref, say, signal);
    const { outputs } = await client.infer(ref, { inputs: [input], outputs: null });
    return outputs;
  };
  const [probabilities] = await ask(RECOGNISER, lineInput(assets.line));
  const text = probabilities === undefined ? "" : readText(probabilities, assets.characters);
  say(`${RECOGNISER} reads in line.png: ${text}`);
  const faces = findFaces(await ask(DETECTOR, faceInput(assets.face)));
  say(`${DETECTOR} finds in face.png: ${faces.length} face${faces.length === 1 ? "" : "s"}`);
  for (const face of faces) {
    say(`score ${face.score.toFixed(2)}\n${drawFace(assets.face, face)}`);
  }
}

async function publishOnce(store: DirectoryStore, modelName: string, path: string): Promise<void> {
  const { models } = await readIndex(store);
  if (models[modelName] !== undefined) return;
  await publishModel({
    store,
    modelName,
    modelBytes: readFileSync(path),
    goldenBytes: null,
    alias: "champion",
    breaking: false,
    lineage: {},
    pause: () => Promise.resolve(),
  });
}
