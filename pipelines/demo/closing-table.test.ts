import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closingTable } from "./closing-table.ts";
import { NO_FACTS } from "./story-facts.ts";
import { NO_TRAFFIC } from "./traffic-report.ts";

const COUNTS = { traffic: NO_TRAFFIC, feedRows: 7, series: 9 };

describe("the closing table", () => {
  it("has a line for each of the fourteen components, whatever happened", () => {
    const lines = closingTable(NO_FACTS, COUNTS).split("\n");
    assert.equal(lines.length, 14);
    for (const line of lines) assert.match(line, /^ {2}[a-z]+[a-z, ]* {2,}\S/);
    assert.ok(!/undefined|null|NaN/.test(lines.join("\n")));
  });

  it("has the numbers of the event log and of the traffic", () => {
    const facts = {
      ...NO_FACTS,
      everQuarantined: ["batch:a", "batch:b"],
      released: 1,
      versions: [1, 2],
      evaluation: {
        metric: "auc" as const,
        rows: 1500,
        change: { mean: 0.0921, low: 0.0381, high: 0.143 },
      },
    };
    const traffic = {
      ...NO_TRAFFIC,
      requests: 5,
      byProtocol: new Map([["grpc", 5]]),
      failures: ["away"],
    };
    const table = closingTable(facts, { ...COUNTS, traffic });
    assert.match(table, /2 batches quarantined, 1 released/);
    assert.match(table, /2 versions published and swapped in: 1, 2/);
    assert.match(table, /change in AUC 0\.0921 \(0\.0381 to 0\.143\) on 1500 rows/);
    assert.match(table, /5 requests \(grpc 5\), 1 failed/);
    assert.match(table, /7 rows read from the feed/);
  });
});
