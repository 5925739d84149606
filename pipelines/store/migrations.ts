/** Each runs once, in order, in one transaction; never edited after a release. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL,
  run_id TEXT, details_json TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX events_subject ON events (subject, seq);
CREATE INDEX events_type ON events (type, seq);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE runs (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, spec_json TEXT NOT NULL, result_json TEXT, error TEXT,
  attempts INTEGER NOT NULL, folder TEXT, not_before_ms INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL, started_at_ms INTEGER, ended_at_ms INTEGER, claimed_by TEXT,
  git_commit TEXT, git_dirty INTEGER, lockfile_sha256 TEXT, config_sha256 TEXT NOT NULL,
  params_json TEXT NOT NULL, lost_attempts INTEGER NOT NULL, transient_attempts INTEGER NOT NULL
);
CREATE INDEX runs_status ON runs (status, created_at_ms);
CREATE INDEX runs_kind ON runs (kind, subject, created_at_ms);
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE status <> 'failed';
CREATE INDEX runs_same_key ON runs (key);

CREATE TABLE run_metrics (
  run_id TEXT NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL,
  at_ms INTEGER NOT NULL, PRIMARY KEY (run_id, key, step)
);
CREATE TABLE edges (
  run_id TEXT NOT NULL, direction TEXT NOT NULL, subject TEXT NOT NULL,
  PRIMARY KEY (run_id, direction, subject)
);
CREATE INDEX edges_subject ON edges (subject, direction);

CREATE TABLE feeds (
  name TEXT PRIMARY KEY, cursor TEXT, seen_path TEXT, last_pull_ms INTEGER, has_more INTEGER NOT NULL,
  held TEXT, held_config_sha256 TEXT
);
CREATE TABLE batches (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL,
  origin TEXT NOT NULL, status TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL, rows INTEGER NOT NULL, schema_json TEXT NOT NULL,
  treatments_json TEXT NOT NULL, profile_path TEXT, problems_json TEXT, checked_contract INTEGER,
  checked_rules TEXT, is_partial INTEGER NOT NULL,
  run_id TEXT NOT NULL, created_at_ms INTEGER NOT NULL
);
CREATE INDEX batches_dataset ON batches (dataset, status, seq);
CREATE TABLE contracts (
  dataset TEXT NOT NULL, version INTEGER NOT NULL, inferred_json TEXT NOT NULL,
  effective_json TEXT NOT NULL, overrides_sha256 TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (dataset, version)
);
CREATE TABLE dataset_versions (
  dataset TEXT NOT NULL, version INTEGER NOT NULL, path TEXT NOT NULL, rows INTEGER NOT NULL,
  updated_rows INTEGER NOT NULL DEFAULT 0,
  batch_id TEXT NOT NULL, run_id TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (dataset, version)
);
CREATE TABLE candidates (
  id TEXT PRIMARY KEY, model TEXT NOT NULL, origin TEXT NOT NULL, stage TEXT NOT NULL,
  refused_by TEXT, reason TEXT, train_run_id TEXT, source_sha256 TEXT, dataset TEXT,
  dataset_version INTEGER, files_json TEXT NOT NULL, evaluation_json TEXT, opponent_version INTEGER,
  version INTEGER, created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL
);
CREATE INDEX candidates_model ON candidates (model, created_at_ms);
CREATE UNIQUE INDEX candidates_version ON candidates (model, version) WHERE version IS NOT NULL;
CREATE TABLE captures (
  id TEXT PRIMARY KEY, model TEXT NOT NULL, version INTEGER NOT NULL, path TEXT NOT NULL,
  rows INTEGER NOT NULL, first_at_ms INTEGER NOT NULL, last_at_ms INTEGER NOT NULL,
  window_id TEXT, run_id TEXT NOT NULL
);
CREATE INDEX captures_window ON captures (model, version, window_id);
CREATE TABLE label_files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tier INTEGER NOT NULL,
  path TEXT NOT NULL, rows INTEGER NOT NULL, created_at_ms INTEGER NOT NULL
);
CREATE TABLE label_batches (
  label_feed TEXT NOT NULL, batch_id TEXT NOT NULL, PRIMARY KEY (label_feed, batch_id)
);
CREATE TABLE windows (
  id TEXT PRIMARY KEY, model TEXT NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL,
  rows INTEGER NOT NULL, first_at_ms INTEGER NOT NULL, last_at_ms INTEGER NOT NULL,
  result_json TEXT, run_id TEXT, label_seq INTEGER NOT NULL, looked_at_ms INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
  UNIQUE (model, version, number)
);
CREATE TABLE scored (
  model TEXT NOT NULL, batch_id TEXT NOT NULL, version INTEGER NOT NULL, into_batch_id TEXT,
  problem TEXT, PRIMARY KEY (model, batch_id)
);
CREATE INDEX scored_skipped ON scored (model) WHERE into_batch_id IS NULL;
CREATE TABLE outbox (
  id TEXT PRIMARY KEY, outlet TEXT NOT NULL, batch_seq INTEGER NOT NULL, batch_id TEXT NOT NULL,
  first_row INTEGER NOT NULL, rows INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,
  next_at_ms INTEGER NOT NULL, last_error TEXT, created_at_ms INTEGER NOT NULL,
  delivered_at_ms INTEGER
);
CREATE INDEX outbox_due ON outbox (status, next_at_ms);
CREATE INDEX outbox_order ON outbox (outlet, status, batch_seq, first_row);
CREATE TABLE outlets (name TEXT PRIMARY KEY, batch_seq INTEGER NOT NULL, state_json TEXT NOT NULL);
CREATE TABLE claims (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL);
CREATE TABLE asks (subject TEXT PRIMARY KEY, nonce TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE identity (name TEXT PRIMARY KEY, value TEXT NOT NULL);
`,
  "ALTER TABLE runs ADD COLUMN interrupted_attempts INTEGER NOT NULL DEFAULT 0;",
];
