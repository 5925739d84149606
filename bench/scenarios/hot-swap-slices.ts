import { median } from "../ratio.ts";
import type { TimelineSlice } from "../timeline.ts";
import type { Swap } from "./hot-swap-versions.ts";

/** From the start of the measured window, milliseconds. */
export interface SwapSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Medians of the worst p99 of a slice: of each swap, and of stretches as long without one. */
export interface SliceFigures {
  readonly swapP99Ms: number;
  readonly steadyP99Ms: number;
}

/** The old version drains and unloads after the first answer of the new one. */
const UNLOAD_MS = 400;

/**
 * Swaps that began inside the window, as spans of it.
 * @param endMs of the window, epoch milliseconds
 */
export function spansOf(swaps: readonly Swap[], endMs: number, durationMs: number): SwapSpan[] {
  const startMs = endMs - durationMs;
  return swaps
    .filter(({ publishStartMs }) => publishStartMs < endMs)
    .map(({ publishStartMs, firstAnswerMs }) => ({
      fromMs: publishStartMs - startMs,
      toMs: firstAnswerMs + UNLOAD_MS - startMs,
    }));
}

/**
 * A stall that lasts a moment shows in one slice only, so the worst slice of a swap counts, against
 * the worst of as many slices that no swap touched.
 * @returns null when the timeline has no swap or no steady part
 */
export function compareSlices(
  timeline: readonly TimelineSlice[],
  sliceMs: number,
  spans: readonly SwapSpan[],
): SliceFigures | null {
  const steady = timeline.filter(
    (slice) => slice.answers > 0 && !spans.some((span) => touches(slice, sliceMs, span)),
  );
  const touched = spans
    .map((span) => timeline.filter((slice) => touches(slice, sliceMs, span)))
    .filter((slices) => slices.length > 0);
  if (steady.length === 0 || touched.length === 0) return null;
  const length = Math.min(steady.length, Math.round(median(touched.map((each) => each.length))));
  return {
    swapP99Ms: median(touched.map(worstP99Ms)),
    steadyP99Ms: median(chunks(steady, length).map(worstP99Ms)),
  };
}

function touches(slice: TimelineSlice, sliceMs: number, span: SwapSpan): boolean {
  return slice.atMs < span.toMs && slice.atMs + sliceMs > span.fromMs;
}

function worstP99Ms(slices: readonly TimelineSlice[]): number {
  return Math.max(...slices.map((slice) => slice.p99Ms));
}

/** Whole ones only. */
function chunks<T>(items: readonly T[], length: number): T[][] {
  const count = Math.floor(items.length / length);
  return Array.from({ length: count }, (_, i) => items.slice(i * length, (i + 1) * length));
}
