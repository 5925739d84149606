import type { TrafficReport } from "./flight-traffic.ts";

export const NO_TRAFFIC: TrafficReport = {
  requests: 0,
  rows: 0,
  answered: new Map(),
  byProtocol: new Map(),
  failures: [],
  labels: 0,
};

export function addReports(a: TrafficReport, b: TrafficReport): TrafficReport {
  return {
    requests: a.requests + b.requests,
    rows: a.rows + b.rows,
    answered: addCounts(a.answered, b.answered),
    byProtocol: addCounts(a.byProtocol, b.byProtocol),
    failures: [...a.failures, ...b.failures],
    labels: a.labels + b.labels,
  };
}

function addCounts(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sum = new Map(a);
  for (const [key, count] of b) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}
