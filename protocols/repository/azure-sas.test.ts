import assert from "node:assert/strict";
import { it } from "node:test";
import { describeSasProblem } from "./azure-sas.ts";

it("says what a SAS shows to be wrong, never its signature", () => {
  const nowMs = Date.parse("2026-06-01T00:00:00Z");
  const cases: [string, string | null][] = [
    ["?sp=rl&se=2026-07-01T00:00:00Z&sig=SECRET", null],
    ["sp=rl&sig=SECRET", null],
    ["sp=rl&se=2026-05-31T23:59:00Z&sig=SECRET", "the SAS expired at 2026-05-31T23:59:00.000Z"],
    ["sp=r&st=2026-06-02&sig=SECRET", "the SAS is not valid before 2026-06-02T00:00:00.000Z"],
    ["sp=wl&se=2026-07-01&sig=SECRET", "the SAS has the rights 'wl', not r (read)"],
    ["sp=rl&se=2026-07-01", "the SAS has no signature (sig): is it cut off?"],
  ];
  for (const [token, problem] of cases) assert.equal(describeSasProblem(token, nowMs), problem);
});
