/** Names of things in events and lineage, as text: `kind:name`, `kind:name@version`. */

export const subjectOf = {
  feed: (name: string) => `feed:${name}`,
  batch: (id: string) => `batch:${id}`,
  dataset: (name: string, version?: number) =>
    version === undefined ? `dataset:${name}` : `dataset:${name}@${version}`,
  model: (name: string, version?: number) =>
    version === undefined ? `model:${name}` : `model:${name}@${version}`,
  candidate: (id: string) => `candidate:${id}`,
  window: (id: string) => `window:${id}`,
  capture: (id: string) => `capture:${id}`,
  labels: (id: string) => `labels:${id}`,
  outlet: (name: string) => `outlet:${name}`,
  source: (name: string) => `source:${name}`,
} as const;
