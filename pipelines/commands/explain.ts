import { explain } from "../tracking/explain.ts";
import type { ExplainedEvent, Explanation } from "../tracking/explanation.ts";
import { type CommandIo, writeJson } from "./command-io.ts";
import { isoTime } from "./layout.ts";
import { withStore } from "./with-store.ts";

export interface ExplainArgs {
  readonly home: string;
  /** An id or its beginning, NAME@N, a name, or a subject. */
  readonly text: string;
  readonly isJson: boolean;
}

/** `sluice explain`: why something is as it is. @throws TrackingError */
export async function explainCommand(args: ExplainArgs, io: CommandIo): Promise<number> {
  return withStore(args.home, async (store) => {
    const explanation = await explain(store, args.text);
    if (args.isJson) writeJson(io, explanation);
    else io.stdout.write(describeExplanation(explanation));
    return 0;
  });
}

function describeExplanation(explanation: Explanation): string {
  const { subject, headline, reason, evidence, before, after, events } = explanation;
  const section = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
  return `${[
    headline,
    subject,
    ...(reason === null ? [] : section("why", [reason])),
    ...section("evidence", evidence),
    ...section("came from", before),
    ...section("led to", after),
    ...section("events", events.map(describeEvent)),
  ].join("\n")}\n`;
}

export function describeEvent({ seq, atMs, type, subject, text }: ExplainedEvent): string {
  return `${seq}  ${isoTime(atMs)}  ${type}  ${subject}${text === "" ? "" : `  ${text}`}`;
}
