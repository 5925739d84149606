import type { Overview, OverviewShape } from "./overview.ts";

const BRACKETS: Readonly<Record<OverviewShape, readonly [string, string]>> = {
  run: ["([", "])"],
  data: ["[(", ")]"],
  model: ["{{", "}}"],
  door: ["[/", "/]"],
  end: ["[", "]"],
};

/** A picture for Markdown: Mermaid's flowchart, left to right, with how often on each arrow. */
export function overviewToMermaid({ nodes, flows }: Overview): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const boxes = nodes.map(({ id, shape, label }) => {
    const [open, close] = BRACKETS[shape];
    return `  ${names.get(id)}${open}"${label.replaceAll('"', "#quot;")}"${close}`;
  });
  const arrows = flows.map(
    ({ from, to, count }) => `  ${names.get(from)} -->|${count}| ${names.get(to)}`,
  );
  return `${["flowchart LR", ...boxes, ...arrows].join("\n")}\n`;
}
