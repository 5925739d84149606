import type { Tensor } from "../../../protocols/core/tensor.ts";
import type { Picture } from "./read-png.ts";

/** All places in shares of the picture's width and height, from the upper left. */
export interface Face {
  /** 0 to 1. */
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** As the picture shows them: the one on the left first. */
  readonly eyes: readonly [Point, Point];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

const SIZE = 128;
const VALUES_PER_BOX = 16;
const MIN_SCORE = 0.75;
const MAX_OVERLAP = 0.3;
/** BlazeFace (Bazarevsky et al. 2019): boxes are told from a grid of 16 x 16 and one of 8 x 8 cells. */
const GRIDS = [
  { scores: "Identity:0", boxes: "Identity_2:0", cells: 16, boxesPerCell: 2 },
  { scores: "Identity_1:0", boxes: "Identity_3:0", cells: 8, boxesPerCell: 6 },
] as const;

/**
 * `input:0`, FP32 [1, 128, 128, 3], samples from -1 to 1: the picture's means over squares.
 * @throws Error unless it is RGB, square, and a multiple of 128 wide
 */
export function faceInput({ width, height, channels, samples }: Picture): Tensor {
  const step = width / SIZE;
  if (channels !== 3 || width !== height || !Number.isInteger(step)) {
    throw new Error(`expected an RGB square of ${SIZE}s, got ${channels} x ${width} x ${height}`);
  }
  const data = new Float32Array(SIZE * SIZE * channels);
  const share = 1 / (127.5 * step * step);
  for (const [i, sample] of samples.entries()) {
    const [x, y] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    const cell = Math.floor(y / step) * SIZE + Math.floor(x / step);
    const at = cell * channels + (i % channels);
    data[at] = (data[at] as number) + sample * share;
  }
  for (let i = 0; i < data.length; i += 1) data[i] = (data[i] as number) - 1;
  return { name: "input:0", datatype: "FP32", shape: [1, SIZE, SIZE, channels], data };
}

/** Likeliest first; of boxes that overlap the likeliest only. */
export function findFaces(outputs: readonly Tensor[]): readonly Face[] {
  const byName = new Map(outputs.map(({ name, data }) => [name, data as Float32Array]));
  const found = GRIDS.flatMap(({ scores, boxes, cells, boxesPerCell }) => {
    const boxData = byName.get(boxes) ?? new Float32Array();
    return [...(byName.get(scores) ?? [])].flatMap((logit, i) => {
      const score = 1 / (1 + Math.exp(-logit));
      if (score < MIN_SCORE) return [];
      const cell = Math.floor(i / boxesPerCell);
      const anchor = {
        x: ((cell % cells) + 0.5) / cells,
        y: (Math.floor(cell / cells) + 0.5) / cells,
      };
      return [readFace(score, anchor, boxData.subarray(i * VALUES_PER_BOX))];
    });
  });
  const kept: Face[] = [];
  for (const face of found.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(face, other) < MAX_OVERLAP)) kept.push(face);
  }
  return kept;
}

/** @param box centre, size, then six points; pixels from the anchor */
function readFace(score: number, anchor: Point, box: Float32Array): Face {
  const at = (i: number) => (box[i] as number) / SIZE;
  const [width, height] = [at(2), at(3)];
  const point = (i: number): Point => ({ x: anchor.x + at(i), y: anchor.y + at(i + 1) });
  return {
    score,
    left: anchor.x + at(0) - width / 2,
    top: anchor.y + at(1) - height / 2,
    width,
    height,
    eyes: [point(4), point(6)],
  };
}

/** Intersection over union. */
function overlap(a: Face, b: Face): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared / (a.width * a.height + b.width * b.height - shared);
}
