import { CREDENTIAL_CASES, FRAME_CASES, REQUEST_CASES } from "./bad-input-cases.ts";
import { CONFIG_CASES, MANIFEST_CASES, MODEL_CASES } from "./bad-input-files.ts";
import { LABEL_CASES } from "./bad-input-labels.ts";
import { renderTable } from "./markdown-table.ts";

interface Row {
  readonly what: string;
  readonly door: string;
  readonly answer: string;
  readonly message: string;
}

const KINDS: readonly (readonly [string, readonly Row[]])[] = [
  ["Requests", REQUEST_CASES],
  ["Missing values, inference ids and labels", LABEL_CASES],
  ["WebSocket frames", FRAME_CASES],
  ["Credentials", CREDENTIAL_CASES],
  ["Model files", MODEL_CASES],
  ["Manifest and index", MANIFEST_CASES],
  ["Configuration", CONFIG_CASES],
];

/** The tables of bad input in deploy/docs/errors.md, one a kind. */
export function renderBadInput(): string {
  return KINDS.map(
    ([kind, rows]) => `### ${kind}\n\n${renderTable([HEAD, ...rows.map(cellsOf)])}`,
  ).join("\n\n");
}

const HEAD = ["what is wrong", "where", "answer", "message"];

function cellsOf({ what, door, answer, message }: Row): string[] {
  return [what, door, answer, asCode(message)];
}

/** Two backticks around a text that holds one; a bar would end the cell even there. */
function asCode(text: string): string {
  const fence = text.includes("`") ? "``" : "`";
  return `${fence}${text.replaceAll("|", "\\|")}${fence}`;
}
