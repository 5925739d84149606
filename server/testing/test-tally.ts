import { sourceOf } from "./test-files.ts";

/** The part of a node:test event that is counted. */
export interface TestEvent {
  readonly type: string;
  readonly data?: unknown;
}

interface Outcome {
  readonly name?: string;
  readonly file?: string;
  readonly nesting?: number;
  readonly message?: string;
  readonly skip?: string | boolean;
}

interface Skip {
  readonly test: string;
  readonly reason: string;
}

const SUMMARY_LINE =
  /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([0-9]+(?:\.[0-9]+)?)$/;
const SUMMARY_KEYS = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;

/**
 * Counts what a node:test run did. The counts are the runner's own; skips are collected from the
 * events, because the runner does not count a skipped suite.
 */
export class TestTally {
  readonly #root: string;
  readonly #counts = new Map<string, number>();
  readonly #skips: Skip[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Returns whether the reporter should see the event too (the closing counts are ours to print). */
  take(event: TestEvent): boolean {
    const data = (event.data ?? {}) as Outcome;
    if (event.type === "test:pass" || event.type === "test:fail") this.#takeOutcome(data);
    if (event.type !== "test:diagnostic" || data.nesting !== 0) return true;
    const [, key, value] = SUMMARY_LINE.exec(data.message ?? "") ?? [];
    if (key === undefined) return true;
    this.#counts.set(key, Number(value));
    return false;
  }

  /** With `mustRunAll` a skip is a failure; a run that counted nothing is never good. */
  isGood(mustRunAll: boolean): boolean {
    return (
      this.#failed === 0 && this.#count("tests") > 0 && !(mustRunAll && this.#skips.length > 0)
    );
  }

  /** Ends in one plain line: `N passed, N failed, N skipped`. */
  summary(mustRunAll: boolean): string {
    const lines = [""];
    if (this.#skips.length > 0) {
      lines.push("Skipped, and why:");
      for (const skip of this.#skips) lines.push(`  ${skip.test}: ${skip.reason}`);
      if (mustRunAll) lines.push("SLUICE_TEST_REQUIRE_ALL=1: each skip above counts as a failure.");
      lines.push("");
    }
    for (const key of SUMMARY_KEYS) lines.push(`# ${key} ${this.#count(key)}`);
    lines.push(`# duration_ms ${this.#count("duration_ms")}`);
    const skipped = this.#skips.length;
    const failed = this.#failed + (mustRunAll ? skipped : 0);
    lines.push(
      `${this.#count("pass")} passed, ${failed} failed, ${mustRunAll ? 0 : skipped} skipped`,
    );
    return `${lines.join("\n")}\n`;
  }

  #takeOutcome(data: Outcome): void {
    if (data.skip === undefined || data.skip === false) return;
    const file = data.file === undefined ? null : sourceOf(this.#root, data.file);
    const where = file ?? data.file ?? "";
    this.#skips.push({
      test: where === "" ? (data.name ?? "") : `${where} '${data.name ?? ""}'`,
      reason: typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given",
    });
  }

  /** Cancelled tests (a file past its time limit) failed. */
  get #failed(): number {
    return this.#count("fail") + this.#count("cancelled");
  }

  #count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}
