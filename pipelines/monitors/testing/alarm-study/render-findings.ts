import type { Finding } from "./study.ts";

/** One Markdown table; windows of a change are counted from the first changed one. */
export function renderFindings(findings: readonly Finding[]): string {
  const rows = findings.map((finding) =>
    [
      finding.windowRows,
      finding.change?.name ?? "none",
      finding.windows,
      finding.alarms,
      finding.acted,
      finding.firstAlarm ?? "-",
      finding.firstAct ?? "-",
    ].join(" | "),
  );
  return [
    "| rows a window | change | windows | with an alarm | acted on | first alarm in window | acts in window |",
    "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ...rows.map((row) => `| ${row} |`),
    "",
  ].join("\n");
}
