import type { GeneratorReport } from "./generator.ts";
import { emptyHistogramCounts, Histogram, type HistogramSnapshot } from "./histogram.ts";
import type { FrameReader } from "./native-frames.ts";
import type { TimelineTally } from "./timeline.ts";

const NO_FAILURE = 0xffffffff;

/** What a failed response means; the generator counts them without reading them. */
export interface FailureMeaning {
  readonly code: string;
  readonly message: string;
}

/**
 * Reads the frame `D` (native/load/recorder.cc).
 * @param meanings of failed responses, by their number
 * @param sliceMs null: no timeline
 */
export function readReport(
  frame: FrameReader,
  meanings: ReadonlyMap<number, FailureMeaning>,
  sliceMs: number | null,
): GeneratorReport {
  const latency = readHistogram(frame);
  const lateness = readHistogram(frame);
  const delay = new Histogram();
  delay.add(readHistogram(frame));
  const [answeredInWindow, inTime, unsent, total] = [
    frame.u32(),
    frame.u32(),
    frame.u32(),
    frame.u32(),
  ];
  const { errors, firstError } = readFailures(frame, meanings);
  const timeline = readTimeline(frame, sliceMs);
  const utilization = frame.f64();
  const cpuUs = frame.f64();
  return {
    tally: { latency, lateness, answeredInWindow, inTime, errors, firstError, unsent, timeline },
    utilization,
    cpuUsPerAnswer: total === 0 ? null : cpuUs / total,
    delayP99Ms: delay.percentileMs(99),
  };
}

function readHistogram(frame: FrameReader): HistogramSnapshot {
  const sumMs = frame.f64();
  const maxMs = frame.f64();
  const counts = emptyHistogramCounts();
  const used = frame.u32();
  for (let i = 0; i < used; i += 1) counts[frame.u32()] = frame.u32();
  return { counts, sumMs, maxMs };
}

function readFailures(frame: FrameReader, meanings: ReadonlyMap<number, FailureMeaning>) {
  const first = frame.u32();
  const kinds = frame.u32();
  const errors: Record<string, number> = {};
  let firstError: string | null = null;
  for (let kind = 0; kind < kinds; kind += 1) {
    const told = { code: frame.text(), message: frame.text() };
    const count = frame.u32();
    const { code, message } = meanings.get(kind) ?? told;
    if (count > 0) errors[code] = (errors[code] ?? 0) + count;
    if (kind === first && first !== NO_FAILURE) firstError = `${code}: ${message}`;
  }
  return { errors, firstError };
}

function readTimeline(frame: FrameReader, sliceMs: number | null): TimelineTally | null {
  const slices = frame.u32();
  const errors = new Uint32Array(slices);
  const latencies: Float32Array[] = [];
  for (let slice = 0; slice < slices; slice += 1) {
    errors[slice] = frame.u32();
    latencies.push(frame.floats(frame.u32()));
  }
  return sliceMs === null ? null : { sliceMs, latencies, errors };
}
