import type { LineageEdge, LineageGraph, LineageNode } from "./lineage-graph.ts";

/** More of one kind than this are drawn as one node: a picture of 500 batches shows nothing. */
const MAX_OF_KIND = 8;

const SHAPES: Readonly<Record<string, readonly [string, string]>> = {
  run: ["([", "])"],
  dataset: ["[(", ")]"],
  batch: ["[(", ")]"],
  model: ["{{", "}}"],
  feed: ["[/", "/]"],
  source: ["[/", "/]"],
};

/** A picture for Markdown: Mermaid's flowchart, left to right. */
export function toMermaid(graph: LineageGraph): string {
  const groupOf = groupNodes(graph);
  const names = new Map<string, string>();
  const nodes = unique(graph.nodes.map(({ id }) => groupOf(id))).map((group, index) => {
    names.set(group.id, `n${index}`);
    const [open, close] = SHAPES[group.kind] ?? ["[", "]"];
    return `  n${index}${open}"${escapeLabel(group.label)}"${close}`;
  });
  const edges = graph.edges.flatMap(({ from, to }: LineageEdge) => {
    const [start, end] = [groupOf(from), groupOf(to)];
    if (start.id === end.id) return [];
    return [`  ${names.get(start.id)} --> ${names.get(end.id)}`];
  });
  return `${["flowchart LR", ...nodes, ...new Set(edges)].join("\n")}\n`;
}

interface Group {
  readonly id: string;
  readonly kind: string;
  readonly label: string;
}

/** Where there are many of a kind (runs: of a job kind), they are one. */
function groupNodes({ nodes, root }: LineageGraph): (id: string) => Group {
  const byGroup = new Map<string, LineageNode[]>();
  for (const node of nodes) {
    const key = groupKey(node);
    byGroup.set(key, [...(byGroup.get(key) ?? []), node]);
  }
  const groups = new Map<string, Group>();
  for (const [key, members] of byGroup) {
    const [first] = members;
    const isMany = members.length > MAX_OF_KIND;
    for (const member of members) {
      const isDrawn = !isMany || member.id === root || first === undefined;
      const label = `${members.length} × ${key.slice(key.indexOf(" ") + 1)}`;
      groups.set(member.id, isDrawn ? ownGroup(member) : { id: key, kind: member.kind, label });
    }
  }
  return (id) => groups.get(id) ?? { id, kind: "", label: id };
}

function groupKey({ kind, label }: LineageNode): string {
  // "batch of orders, 100 rows, landed": the words before the first number differ by dataset only.
  return `${kind} ${kind === "run" || kind === "batch" ? (label.split(",")[0] ?? kind) : kind}`;
}

function ownGroup(node: LineageNode): Group {
  return { id: node.id, kind: node.kind, label: node.label };
}

function unique(groups: readonly Group[]): readonly Group[] {
  return [...new Map(groups.map((group) => [group.id, group])).values()];
}

function escapeLabel(text: string): string {
  return text.replaceAll('"', "#quot;").replaceAll(/\s+/g, " ");
}
