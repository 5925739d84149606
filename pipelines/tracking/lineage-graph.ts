/** What something came from. Edges point as the data went. */
export interface LineageGraph {
  /** The node that was asked about. */
  readonly root: string;
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}

export interface LineageNode {
  /** `run:ID`, or a subject as in store/subject.ts. */
  readonly id: string;
  /** The part of the id before the colon. */
  readonly kind: string;
  /** In a few words. */
  readonly label: string;
}

export interface LineageEdge {
  readonly from: string;
  readonly to: string;
}
