import { defaultTextOf, envOf, expectation, flagOf, type Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

const HEAD = ["server.yaml", "flag", "environment", "value", "default", "meaning"];

/**
 * The Markdown tables of deploy/docs/configuration.md, one a group and one row a setting, laid out
 * as the formatter would.
 */
export function settingsTable(): string {
  const groups = [...new Set(SETTINGS.map(({ group }) => group))];
  return groups.map((group) => `\n### ${group}\n\n${tableOf(group)}\n`).join("");
}

function tableOf(group: string): string {
  const rows = [HEAD, ...SETTINGS.filter((each) => each.group === group).map(cellsOf)];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, at) => (cells[at] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(HEAD), line(rule), ...rows.slice(1).map(line)].join("\n");
}

function cellsOf(setting: Setting): string[] {
  const names = [envOf(setting), ...setting.wellKnownEnv].map((name) => `\`${name}\``);
  return [
    `\`${setting.key}\``,
    `\`${flagOf(setting)}\``,
    names.join(", "),
    expectation(setting.type),
    `\`${defaultTextOf(setting)}\``,
    setting.text,
  ];
}
