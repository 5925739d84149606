import { CREDENTIAL_CASES, FRAME_CASES, REQUEST_CASES } from "./bad-input-cases.ts";
import { CONFIG_CASES, MANIFEST_CASES, MODEL_CASES } from "./bad-input-files.ts";

interface Row {
  readonly what: string;
  readonly door: string;
  readonly answer: string;
  readonly message: string;
}

const KINDS: readonly (readonly [string, readonly Row[]])[] = [
  ["Requests", REQUEST_CASES],
  ["WebSocket frames", FRAME_CASES],
  ["Credentials", CREDENTIAL_CASES],
  ["Model files", MODEL_CASES],
  ["Manifest and index", MANIFEST_CASES],
  ["Configuration", CONFIG_CASES],
];

/** The tables of bad input in deploy/docs/errors.md, one a kind. Not padded: messages are long. */
export function renderBadInput(): string {
  return KINDS.map(([kind, rows]) =>
    [
      `### ${kind}\n`,
      "| what is wrong | where | answer | message |",
      "| --- | --- | --- | --- |",
      ...rows.map(lineOf),
    ].join("\n"),
  ).join("\n\n");
}

function lineOf({ what, door, answer, message }: Row): string {
  return `| ${what} | ${door} | ${answer} | ${asCode(message)} |`;
}

/** Two backticks around a text that holds one; a bar would end the cell even there. */
function asCode(text: string): string {
  const fence = text.includes("`") ? "``" : "`";
  return `${fence}${text.replaceAll("|", "\\|")}${fence}`;
}
