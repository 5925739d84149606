import { projectJsonSchema } from "../../pipelines/project/project-schema.ts";
import { projectFileTables } from "../../pipelines/project/schema-table.ts";
import { STATUS_CODES, STATUS_TABLE } from "../../protocols/core/status.ts";
import { settingsTable } from "../config/settings-table.ts";
import { renderBadInput } from "./bad-input-table.ts";
import { drawLifecycle } from "./lifecycle-drawing.ts";
import { renderTable } from "./markdown-table.ts";

/** A part of a page that is made from code, between two markers, or a file that is made whole. */
export interface GeneratedSection {
  /** Relative to the repository's root. */
  readonly page: string;
  /** null: the whole file. */
  readonly marker: string | null;
  /** Markdown, without a newline at the end; or the file. */
  render(): string;
}

const GRPC_NAMES: Readonly<Record<number, string>> = {
  1: "CANCELLED",
  3: "INVALID_ARGUMENT",
  4: "DEADLINE_EXCEEDED",
  5: "NOT_FOUND",
  7: "PERMISSION_DENIED",
  8: "RESOURCE_EXHAUSTED",
  9: "FAILED_PRECONDITION",
  12: "UNIMPLEMENTED",
  13: "INTERNAL",
  14: "UNAVAILABLE",
  16: "UNAUTHENTICATED",
};

function renderStatusTable(): string {
  const rows = STATUS_CODES.map((code) => {
    const row = STATUS_TABLE[code];
    const grpc = `${row.grpc} ${GRPC_NAMES[row.grpc] ?? "?"}`;
    const retry = row.retryable ? "yes" : "no";
    return [`\`${code}\``, String(row.http), grpc, String(row.ws), retry, row.meaning];
  });
  return renderTable([["code", "HTTP", "gRPC", "WebSocket close", "retry", "meaning"], ...rows]);
}

export const GENERATED_SECTIONS: readonly GeneratedSection[] = [
  { page: "deploy/docs/errors.md", marker: "status-table", render: renderStatusTable },
  { page: "deploy/docs/errors.md", marker: "bad-input", render: renderBadInput },
  { page: "deploy/docs/lifecycle.md", marker: "lifecycle", render: drawLifecycle },
  { page: "deploy/docs/configuration.md", marker: "settings", render: settingsTable },
  { page: "deploy/docs/project-file.md", marker: "project-file", render: projectFileTables },
  { page: "deploy/docs/sluice.schema.json", marker: null, render: projectJsonSchema },
];

/** The page with the section's text between its markers. @throws Error when a marker is missing. */
export function fillSection(text: string, section: GeneratedSection): string {
  if (section.marker === null) return section.render();
  const begin = `<!-- generated:${section.marker} -->`;
  const end = `<!-- /generated:${section.marker} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${section.page} lacks the markers ${begin} … ${end}`);
  return `${text.slice(0, from)}${begin}\n${section.render()}\n${text.slice(to)}`;
}
