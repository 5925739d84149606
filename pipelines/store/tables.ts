import type { Generated } from "kysely";

/**
 * The store's tables. Times are epoch milliseconds; `…_json` columns hold JSON of the type named;
 * paths are absolute. Booleans are 0 and 1. SQLite today; nothing here that PostgreSQL lacks.
 */
export interface Tables {
  events: EventTable;
  runs: RunTable;
  run_metrics: RunMetricTable;
  edges: EdgeTable;
  feeds: FeedTable;
  batches: BatchTable;
  contracts: ContractTable;
  dataset_versions: DatasetVersionTable;
  candidates: CandidateTable;
  captures: CaptureTable;
  label_files: LabelFileTable;
  label_batches: LabelBatchTable;
  windows: WindowTable;
  scored: ScoredTable;
  outbox: OutboxTable;
  outlets: OutletTable;
  claims: ClaimTable;
  asks: AskTable;
  identity: IdentityTable;
}

/** Append-only, hash-chained: `hash` = sha256 of prev_hash and the record (see event-log.ts). */
export interface EventTable {
  seq: number;
  at_ms: number;
  type: string;
  /** What it is about: `feed:orders`, `dataset:orders@3`, `model:churn@2`, … (see subject.ts). */
  subject: string;
  run_id: string | null;
  details_json: string;
  prev_hash: string;
  hash: string;
}

export type RunStatus = "queued" | "running" | "finished" | "failed";

/** Any execution: the unit of tracking, lineage, audit and the job queue. */
export interface RunTable {
  id: string;
  kind: string;
  subject: string;
  /** sha256 of inputs and configuration: the same key never runs twice to its end. */
  key: string;
  status: RunStatus;
  /** Why it was planned, in words. */
  reason: string;
  spec_json: string;
  /** Jobs[kind]["result"]; null until finished. */
  result_json: string | null;
  error: string | null;
  /** Started so many times. */
  attempts: number;
  /** Of the attempts: ended without a word, by no stop of ours. */
  lost_attempts: number;
  /** Of the attempts: ended because another side was away. */
  transient_attempts: number;
  /** Of the attempts: their coordinator ended without a word, while they ran or were taken up. */
  interrupted_attempts: number;
  /** Of the attempt that ran last; null before. */
  folder: string | null;
  /** Not started again before this time. */
  not_before_ms: number;
  created_at_ms: number;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  /** The coordinator that holds it. */
  claimed_by: string | null;
  git_commit: string | null;
  git_dirty: number | null;
  lockfile_sha256: string | null;
  /** Of sluice.yaml as it was. */
  config_sha256: string;
  params_json: string;
}

export interface RunMetricTable {
  run_id: string;
  key: string;
  step: number;
  value: number;
  at_ms: number;
}

/** Lineage: what a run read and what it made. */
export interface EdgeTable {
  run_id: string;
  direction: "in" | "out";
  subject: string;
}

export interface FeedTable {
  name: string;
  cursor: string | null;
  seen_path: string | null;
  last_pull_ms: number | null;
  has_more: number;
  /** Why pulling was refused; null: it goes on. Cleared when the project file changes. */
  held: string | null;
  held_config_sha256: string | null;
}

export type BatchStatus = "pulled" | "landed" | "quarantined";

export interface BatchTable {
  /** In the order of arrival. */
  seq: Generated<number>;
  id: string;
  dataset: string;
  /** Feed, or `score:<model>`. */
  origin: string;
  status: BatchStatus;
  path: string;
  sha256: string;
  bytes: number;
  rows: number;
  /** ColumnSchema[]. */
  schema_json: string;
  /** PulledBatch["treatments"]. */
  treatments_json: string;
  profile_path: string | null;
  /** Problem[] of the last check. */
  problems_json: string | null;
  /** Contract version of the last check. */
  checked_contract: number | null;
  /** What that check went by, contract and settings (see contract-version.ts). */
  checked_rules: string | null;
  /** PulledBatch["isPartial"]. */
  is_partial: number;
  run_id: string;
  created_at_ms: number;
}

export interface ContractTable {
  dataset: string;
  version: number;
  /** What was inferred; carried from version to version. */
  inferred_json: string;
  /** With the project's overrides: what is enforced. */
  effective_json: string;
  /** Of the overrides that went in. */
  overrides_sha256: string;
  created_at_ms: number;
}

export interface DatasetVersionTable {
  dataset: string;
  version: number;
  /** DatasetVersion document: what is new in this version. */
  path: string;
  rows: number;
  /** Of them, those that took the place of earlier ones of the same key, as the checks counted. */
  updated_rows: Generated<number>;
  batch_id: string;
  run_id: string;
  created_at_ms: number;
}

export type CandidateStage =
  | "trained"
  | "compiled"
  | "vetted"
  | "evaluated"
  | "published"
  | "refused";

/** A model on its way to the repository. */
export interface CandidateTable {
  id: string;
  model: string;
  /** trained here, or put into incoming/ by some hand. */
  origin: "trained" | "incoming";
  stage: CandidateStage;
  /** The gate that stopped it: replay, vet, evaluate, publish. */
  refused_by: string | null;
  reason: string | null;
  train_run_id: string | null;
  /** Of a model in incoming/: sha256 of the file. */
  source_sha256: string | null;
  dataset: string | null;
  dataset_version: number | null;
  /** CandidateFiles. */
  files_json: string;
  /** EvaluateResult; null before. */
  evaluation_json: string | null;
  /** Champion that it was evaluated against; null: against none, or not evaluated. */
  opponent_version: number | null;
  version: number | null;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface CaptureTable {
  id: string;
  model: string;
  version: number;
  path: string;
  rows: number;
  first_at_ms: number;
  last_at_ms: number;
  window_id: string | null;
  run_id: string;
}

export interface LabelFileTable {
  /** In the order of arrival; of a merged file, that of the last that went in. */
  seq: Generated<number>;
  id: string;
  /** 0: as collected; n: merged from files of tier n - 1. */
  tier: number;
  path: string;
  rows: number;
  created_at_ms: number;
}

/** Batches whose rows were taken as labels. */
export interface LabelBatchTable {
  label_feed: string;
  batch_id: string;
}

export interface WindowTable {
  id: string;
  model: string;
  version: number;
  /** From 1 within the version. */
  number: number;
  rows: number;
  first_at_ms: number;
  last_at_ms: number;
  /** ObserveResult of the last look. */
  result_json: string | null;
  run_id: string | null;
  /** Highest number of the label files that the last look knew of. */
  label_seq: number;
  looked_at_ms: number;
  created_at_ms: number;
}

/** Which batches a model version has scored, or could not. */
export interface ScoredTable {
  model: string;
  batch_id: string;
  version: number;
  /** null: skipped; the next version tries it again. */
  into_batch_id: string | null;
  /** Why it was skipped. */
  problem: string | null;
}

export type OutboxStatus = "pending" | "delivered" | "dead";

/** Rows of a landed batch on their way to one outlet; the payload is the immutable batch itself. */
export interface OutboxTable {
  id: string;
  outlet: string;
  batch_seq: number;
  batch_id: string;
  first_row: number;
  rows: number;
  status: OutboxStatus;
  attempts: number;
  next_at_ms: number;
  last_error: string | null;
  created_at_ms: number;
  delivered_at_ms: number | null;
}

export interface OutletTable {
  name: string;
  /** Batches up to this one are in the outbox, or in the view. */
  batch_seq: number;
  state_json: string;
}

/** Who may act: one coordinator at a time. */
export interface ClaimTable {
  name: string;
  holder: string;
  until_ms: number;
}

/** What somebody asked for beyond the plan; gone once a run for it is queued. */
export interface AskTable {
  /** A model to train or a feed to pull. */
  subject: string;
  /** Goes into the key of the run. */
  nonce: string;
  at_ms: number;
}

/** Whose home this is. */
export interface IdentityTable {
  name: "project" | "repository" | "index-seen";
  value: string;
}
