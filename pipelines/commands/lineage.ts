import { findSubject } from "../tracking/find-subject.ts";
import { lineageOf } from "../tracking/lineage.ts";
import type { LineageGraph } from "../tracking/lineage-graph.ts";
import { toMermaid } from "../tracking/to-mermaid.ts";
import { type CommandIo, writeJson } from "./command-io.ts";
import { withStore } from "./with-store.ts";

export interface LineageArgs {
  readonly home: string;
  readonly subject: string;
  readonly format: "text" | "json" | "mermaid";
}

/** `sluice lineage`: everything that something came from. @throws TrackingError */
export async function lineageCommand(args: LineageArgs, io: CommandIo): Promise<number> {
  return withStore(args.home, async (store) => {
    const graph = await lineageOf(store, await findSubject(store, args.subject));
    if (args.format === "json") writeJson(io, graph);
    else io.stdout.write(args.format === "mermaid" ? toMermaid(graph) : describeLineage(graph));
    return 0;
  });
}

/** A tree from the root back; what stands in it already is named once more and not unfolded again. */
function describeLineage(graph: LineageGraph): string {
  const labels = new Map(graph.nodes.map(({ id, label }) => [id, label]));
  const lines: string[] = [];
  const seen = new Set<string>();
  const waiting: { id: string; depth: number }[] = [{ id: graph.root, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { id, depth } = next;
    const isKnown = seen.has(id);
    const label = labels.get(id) ?? "";
    const text = label === "" || label === id.replace(":", " ") ? id : `${id} (${label})`;
    lines.push(`${"  ".repeat(depth)}${text}${isKnown ? " …" : ""}`);
    if (isKnown) continue;
    seen.add(id);
    const origins = graph.edges.filter(({ to }) => to === id).reverse();
    waiting.push(...origins.map(({ from }) => ({ id: from, depth: depth + 1 })));
  }
  return `${lines.join("\n")}\n`;
}
