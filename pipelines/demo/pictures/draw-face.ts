import type { Face } from "./find-faces.ts";
import type { Picture } from "./read-png.ts";

const COLUMNS = 44;
/** A character is about twice as high as wide. */
const ROWS = 20;
/** From light to dark. */
const SHADES = "    .:-=+*#";

/** The picture as text, with a frame around the face and an `O` on each eye. */
export function drawFace(picture: Picture, face: Face): string {
  const rows = Array.from({ length: ROWS }, (_, y) =>
    Array.from({ length: COLUMNS }, (_, x) => shadeAt(picture, x, y)),
  );
  const put = (x: number, y: number, mark: string): void => {
    const row = rows[y];
    if (row !== undefined && x >= 0 && x < COLUMNS) row[x] = mark;
  };
  const column = (share: number): number => Math.min(COLUMNS - 1, Math.floor(share * COLUMNS));
  const line = (share: number): number => Math.min(ROWS - 1, Math.floor(share * ROWS));
  const [left, right] = [column(face.left), column(face.left + face.width)];
  const [top, bottom] = [line(face.top), line(face.top + face.height)];
  for (let x = left; x <= right; x += 1) for (const y of [top, bottom]) put(x, y, "_");
  for (let y = top + 1; y <= bottom; y += 1) for (const x of [left, right]) put(x, y, "|");
  for (const eye of face.eyes) put(column(eye.x), line(eye.y), "O");
  return rows.map((row) => row.join("").trimEnd()).join("\n");
}

/** Of the pixel in the middle of the character's place. */
function shadeAt({ width, height, channels, samples }: Picture, x: number, y: number): string {
  const at = [(x + 0.5) / COLUMNS, (y + 0.5) / ROWS] as const;
  const pixel = Math.floor(at[1] * height) * width + Math.floor(at[0] * width);
  const pixelSamples = samples.subarray(pixel * channels, (pixel + 1) * channels);
  const light = pixelSamples.reduce((sum, sample) => sum + sample, 0) / channels / 256;
  return SHADES[Math.floor((1 - light) * SHADES.length)] ?? " ";
}
