import type { TrafficReport } from "./flight-traffic.ts";
import type { StoryFacts } from "./story-facts.ts";

/** What the demo knows beside the event log. */
export interface DemoCounts {
  readonly traffic: TrafficReport;
  /** Rows that the demo read from the feed's first page. */
  readonly feedRows: number;
  /** Time series of both processes' metrics pages. */
  readonly series: number;
}

/** What each component of a model's life did so far in this home, a line each; numbers of this demo's traffic are of this start. */
export function closingTable(facts: StoryFacts, counts: DemoCounts): string {
  const rows = rowsOf(facts, counts);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

function rowsOf(
  facts: StoryFacts,
  { traffic, feedRows, series }: DemoCounts,
): readonly (readonly [string, string])[] {
  const { contractVersion, everQuarantined, released, versions } = facts;
  return [
    [
      "data ingress",
      `${facts.pulledRows} rows in ${facts.pulledBatches} batches; ${facts.treated.join(", ")} before the disk`,
    ],
    [
      "data quality",
      `${contractVersion} contract versions; ${everQuarantined.length} batches quarantined, ${released} released`,
    ],
    ["datasets", `${facts.datasetVersion} versions, ${facts.datasetRows} rows in the last`],
    ["training", `${facts.trainings} trainings, held back ${facts.withheld} times`],
    [
      "representation",
      facts.modelBytes === null
        ? "nothing compiled"
        : `ONNX of ${facts.modelBytes} bytes; replay differs by ${show(facts.replayDifference ?? 0)}`,
    ],
    ["evaluation", describeEvaluation(facts)],
    [
      "registry, deployment",
      `${versions.length} versions published and swapped in: ${versions.join(", ")}`,
    ],
    ["tracking", `${facts.runs} runs (${facts.failedRuns} failed), ${describeCommit(facts)}`],
    [
      "serving",
      `${traffic.requests} requests (${describeProtocols(traffic)}), ${traffic.failures.length} failed`,
    ],
    ["degradation", describeMonitoring(facts)],
    ["egress", `${facts.scoredRows} predictions scored; ${feedRows} rows read from the feed`],
    ["security, governance", `${facts.events} events in the hash chain ('sluice audit verify')`],
    ["service monitoring", `${series} time series on the two metrics pages`],
    ["infrastructure", `2 processes, and one more for each of ${facts.runs} jobs`],
  ];
}

function describeEvaluation({ gatesPassed, gatesFailed, evaluation }: StoryFacts): string {
  const gates = `${gatesPassed} gates passed, ${gatesFailed} refused`;
  const change = evaluation?.change ?? null;
  if (evaluation === null || change === null) return gates;
  const { mean, low, high } = change;
  return `${gates}; last change in ${evaluation.metric.toUpperCase()} ${show(mean)} (${show(low)} to ${show(high)}) on ${evaluation.rows} rows`;
}

function describeMonitoring({ windows, alerts, performance, labels }: StoryFacts): string {
  const drift = `${windows.length} windows, ${alerts.length} drift alerts, ${labels} labels`;
  if (performance?.realised == null) return drift;
  const { metric, realised, coverage } = performance;
  return `${drift}; last ${metric.toUpperCase()} ${show(realised)} at ${Math.round(coverage * 100)} % coverage`;
}

function describeCommit({ gitCommit }: StoryFacts): string {
  return gitCommit === null ? "outside git" : `at commit ${gitCommit.slice(0, 12)}`;
}

function describeProtocols({ byProtocol }: TrafficReport): string {
  return [...byProtocol].map(([protocol, count]) => `${protocol} ${count}`).join(", ");
}

function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}
