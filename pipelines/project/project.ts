import { type Static, type TSchema, Type } from "@sinclair/typebox";

/**
 * sluice.yaml: one project, in git. Every object refuses unknown keys. Paths are relative to the
 * file's folder. A secret is never written here but named: `{env: NAME}` or `{file: PATH}`.
 */

const strict = { additionalProperties: false } as const;
const object = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, strict);
const Name = Type.String({ pattern: "^[a-z][a-z0-9_-]{0,62}$" });
const ModelName = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" });
const ColumnName = Type.String({ minLength: 1, maxLength: 128 });
const Ratio = Type.Number({ minimum: 0, maximum: 1 });
const Seconds = Type.Number({ exclusiveMinimum: 0 });
const Count = Type.Integer({ minimum: 1 });
const named = <T extends TSchema>(schema: T) => Type.Record(Name, schema, { default: {} });

export const SecretRefSchema = Type.Union([
  object({ env: Type.String({ minLength: 1 }) }),
  object({ file: Type.String({ minLength: 1 }) }),
]);
export type SecretRef = Static<typeof SecretRefSchema>;

const FilesConnector = object({
  kind: Type.Literal("files"),
  /** Folder and name pattern with `*`; files are taken in the order of their names, each once. */
  path: Type.String({ minLength: 1 }),
  format: Type.Union([Type.Literal("csv"), Type.Literal("json"), Type.Literal("parquet")]),
});

/** Rows above the last cursor; `lagSecs` looks back again for rows that came late (time cursors). */
const IncrementalCursor = object({
  column: ColumnName,
  lagSecs: Type.Number({ minimum: 0, default: 3600 }),
});

const PostgresConnector = object({
  kind: Type.Literal("postgres"),
  url: SecretRefSchema,
  /** `table` or `schema.table`. */
  table: Type.String({ minLength: 1 }),
  cursor: IncrementalCursor,
  statementTimeoutSecs: Type.Number({ exclusiveMinimum: 0, default: 60 }),
});

const RestConnector = object({
  kind: Type.Literal("rest"),
  url: Type.String({ pattern: "^https?://" }),
  /** Sent as `authorization: Bearer`. */
  bearer: Type.Optional(SecretRefSchema),
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** Dotted path to the array of rows in the answer; empty: the answer is the array. */
  records: Type.String({ default: "" }),
  pagination: Type.Union([
    object({ kind: Type.Literal("none") }),
    object({
      kind: Type.Literal("page"),
      param: Type.String({ default: "page" }),
      first: Type.Integer({ default: 1 }),
      size: Type.Optional(object({ param: Type.String(), value: Count })),
    }),
    object({
      kind: Type.Literal("offset"),
      param: Type.String({ default: "offset" }),
      size: object({ param: Type.String(), value: Count }),
    }),
    /** The answer holds the next page's cursor, or its URL, at this dotted path. */
    object({ kind: Type.Literal("cursor"), param: Type.String(), path: Type.String() }),
    object({ kind: Type.Literal("nextUrl"), path: Type.String() }),
    /** `Link: <…>; rel="next"` (RFC 8288). */
    object({ kind: Type.Literal("linkHeader") }),
  ]),
  cursor: Type.Optional(IncrementalCursor),
  /** Query parameter that takes the cursor less its lag. */
  sinceParam: Type.Optional(Type.String({ minLength: 1 })),
  timeoutSecs: Type.Number({ exclusiveMinimum: 0, default: 30 }),
});

/** What becomes of a column before the first byte of it reaches the disk. */
export const TreatmentSchema = Type.Union([
  Type.Literal("keep"),
  Type.Literal("drop"),
  /** HMAC-SHA256 with the project's key, as 32 hex digits; equal values stay equal. */
  Type.Literal("hash"),
  /** All but the last four characters become `*`. */
  Type.Literal("mask"),
  /** Kept although it looks like personal data: somebody looked. */
  Type.Literal("keep-reviewed"),
]);
export type Treatment = Static<typeof TreatmentSchema>;

export const FeedSchema = object({
  dataset: Name,
  connector: Type.Union([FilesConnector, PostgresConnector, RestConnector]),
  /** Seconds between two pulls, or a cron pattern (UTC). */
  everySecs: Type.Optional(Seconds),
  cron: Type.Optional(Type.String({ minLength: 1 })),
  sanitise: Type.Optional(Type.Record(ColumnName, TreatmentSchema)),
  /** Most rows of one batch; a longer answer makes several. */
  batchRows: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 100_000 }),
});
export type Feed = Static<typeof FeedSchema>;
export type Connector = Feed["connector"];

export const ColumnTypeSchema = Type.Union([
  Type.Literal("number"),
  Type.Literal("integer"),
  Type.Literal("boolean"),
  Type.Literal("text"),
  Type.Literal("timestamp"),
]);
export type ColumnType = Static<typeof ColumnTypeSchema>;

/** What one column must be; every part that is there is enforced. */
export const ColumnContractSchema = object({
  type: ColumnTypeSchema,
  /** Most that may be missing, as a share of the rows. */
  maxMissing: Type.Optional(Ratio),
  min: Type.Optional(Type.Number()),
  max: Type.Optional(Type.Number()),
  /** Mean within these bounds. */
  minMean: Type.Optional(Type.Number()),
  maxMean: Type.Optional(Type.Number()),
  /** Every value but a share of `maxUnknown` is one of these. */
  values: Type.Optional(Type.Array(Type.String(), { maxItems: 10_000 })),
  maxUnknown: Type.Optional(Ratio),
  unique: Type.Optional(Type.Boolean()),
});
export type ColumnContract = Static<typeof ColumnContractSchema>;

export const DatasetSchema = object({
  /** Timestamp column: order of rows in time. */
  time: Type.Optional(ColumnName),
  /** Columns that together name a row. */
  key: Type.Optional(Type.Array(ColumnName, { minItems: 1 })),
  /** Types by declaration; others are read from the data. */
  types: Type.Optional(Type.Record(ColumnName, ColumnTypeSchema)),
  contract: Type.Optional(
    object({
      /** Accepted batches from which the contract is inferred. */
      inferFrom: Type.Integer({ minimum: 1, maximum: 100, default: 3 }),
      /** fail quarantines the batch; warn lands it and says so. */
      level: Type.Union([Type.Literal("fail"), Type.Literal("warn")], { default: "fail" }),
      /** Takes the place of what was inferred, key by key; `null` lifts a bound. */
      columns: Type.Optional(Type.Record(ColumnName, Type.Record(Type.String(), Type.Unknown()))),
      /** Fewest rows of a batch. */
      minRows: Type.Optional(Count),
    }),
  ),
});
export type DatasetConfig = Static<typeof DatasetSchema>;

const GradientBoosting = object({
  kind: Type.Literal("gradientBoosting"),
  trees: Type.Integer({ minimum: 1, maximum: 10_000, default: 200 }),
  learningRate: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.05 }),
  maxLeaves: Type.Integer({ minimum: 2, maximum: 1024, default: 31 }),
  minLeafRows: Type.Integer({ minimum: 1, default: 20 }),
  l2: Type.Number({ minimum: 0, default: 1 }),
  rowRatio: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 }),
  columnRatio: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 }),
  /** Trees without a better validation loss after which training stops; 0: never. */
  earlyStoppingRounds: Type.Integer({ minimum: 0, default: 20 }),
  seed: Type.Integer({ minimum: 0, default: 1 }),
});
export type GradientBoostingConfig = Static<typeof GradientBoosting>;

const CommandTrainer = object({
  kind: Type.Literal("command"),
  /** Name in the `trainerCommands` setting: which programs may run is not for this file to say. */
  name: Name,
  /** Handed over as hyperparameters.json; values become strings. */
  hyperparameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  timeoutSecs: Type.Number({ exclusiveMinimum: 0, default: 3600 }),
});
export type CommandTrainerConfig = Static<typeof CommandTrainer>;

export const METRICS = ["auc", "logLoss", "accuracy", "f1", "rmse", "mae", "r2"] as const;
export type MetricName = (typeof METRICS)[number];
const Metric = Type.Union(METRICS.map((name) => Type.Literal(name)));

const Evaluation = object({
  /** Share of the rows, the last in time, that training never sees. */
  fraction: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.2 }),
  /** The one that decides; default: auc for binary, rmse for regression. */
  metric: Type.Optional(Metric),
  /** Bounds that a candidate must keep whatever the champion does. */
  thresholds: Type.Optional(
    Type.Array(
      object({
        metric: Metric,
        min: Type.Optional(Type.Number()),
        max: Type.Optional(Type.Number()),
      }),
    ),
  ),
  /** Most that the candidate may be worse than the champion, in units of the metric. */
  tolerance: Type.Number({ minimum: 0, default: 0.005 }),
  /** The same within each slice; slices with fewer rows are shown and do not decide. */
  sliceTolerance: Type.Number({ minimum: 0, default: 0.05 }),
  minSliceRows: Type.Integer({ minimum: 1, default: 200 }),
  slices: Type.Optional(Type.Array(ColumnName)),
  bootstrapRounds: Type.Integer({ minimum: 50, maximum: 10_000, default: 300 }),
});
export type EvaluationConfig = Static<typeof Evaluation>;

const Monitor = object({
  /** Captured rows that make one window. */
  windowRows: Type.Integer({ minimum: 200, default: 1000 }),
  /** Distance (Wasserstein / standard deviation, Jensen-Shannon base 2) at which a column may have drifted … */
  distance: Type.Number({ exclusiveMinimum: 0, default: 0.1 }),
  /** … if the Benjamini-Hochberg corrected test agrees. */
  pValue: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.05 }),
  /** In `k` of the last `n` windows. */
  k: Type.Integer({ minimum: 1, default: 2 }),
  n: Type.Integer({ minimum: 1, default: 3 }),
  performance: Type.Optional(
    object({
      metric: Type.Optional(Metric),
      /** Alert when the realised metric is worse than at evaluation by more than this. */
      maxDrop: Type.Number({ exclusiveMinimum: 0 }),
      /** Share of the window's rows whose label is known, for the metric to count. */
      coverage: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.8 }),
    }),
  ),
});
export type MonitorConfig = Static<typeof Monitor>;

export const ModelSchema = object({
  dataset: Name,
  target: ColumnName,
  task: Type.Union([Type.Literal("binary"), Type.Literal("regression")]),
  features: Type.Array(ColumnName, { minItems: 1 }),
  trainer: Type.Union([GradientBoosting, CommandTrainer]),
  /** Fewest rows to train on. */
  minRows: Type.Integer({ minimum: 10, default: 1000 }),
  /** Train on the last so many rows in time; default: all. */
  trainRows: Type.Optional(Count),
  evaluation: Type.Optional(Evaluation),
  monitor: Type.Optional(Monitor),
  deployment: Type.Optional(
    object({ strategy: Type.Union([Type.Literal("recreate")], { default: "recreate" }) }),
  ),
  /** Predictions of the champion for every new row of `dataset`, kept as the dataset of this name. */
  score: Type.Optional(
    object({
      into: Name,
      /** Columns of the row that go along; default: its key and time. */
      keep: Type.Optional(Type.Array(ColumnName)),
    }),
  ),
});
export type ModelConfig = Static<typeof ModelSchema>;

export const OutletSchema = Type.Union([
  /** Polled: GET /v1/feeds/NAME?cursor=… */
  object({ kind: Type.Literal("feed"), dataset: Name }),
  /** Pushed: POST, signed as Standard Webhooks say. */
  object({
    kind: Type.Literal("webhook"),
    dataset: Name,
    url: Type.String({ pattern: "^https?://" }),
    /** `whsec_` + base64. */
    secret: SecretRefSchema,
    batchRows: Type.Integer({ minimum: 1, maximum: 10_000, default: 500 }),
    maxAttempts: Type.Integer({ minimum: 1, default: 10 }),
    timeoutSecs: Type.Number({ exclusiveMinimum: 0, default: 10 }),
  }),
  /** A versioned view in PostgreSQL for a role that may only SELECT. */
  object({
    kind: Type.Literal("view"),
    dataset: Name,
    url: SecretRefSchema,
    schema: Type.String({ pattern: "^[a-z_][a-z0-9_]{0,62}$", default: "sluice" }),
    /** Made if it is not there; it cannot log in unless somebody lets it. */
    role: Type.String({ pattern: "^[a-z_][a-z0-9_]{0,62}$" }),
  }),
]);
export type Outlet = Static<typeof OutletSchema>;

export const RuleSchema = object({
  /** What raises it: so many new rows since the last training, an alert, or a time. */
  when: Type.Union([
    object({ newRows: Count }),
    object({ drift: Type.Literal(true) }),
    object({ degradation: Type.Literal(true) }),
    object({ cron: Type.String({ minLength: 1 }) }),
  ]),
  do: Type.Literal("train"),
  model: ModelName,
  unless: Type.Optional(
    object({
      /** The last training of this model began less than so long ago. */
      coolDownSecs: Type.Number({ minimum: 0, default: 3600 }),
      /** So many trainings of this model began within a day. */
      maxPerDay: Type.Integer({ minimum: 1, default: 4 }),
      /** So many candidates in a row were refused: a person must look (`sluice run MODEL` resets). */
      maxRefused: Type.Integer({ minimum: 1, default: 3 }),
    }),
  ),
});
export type Rule = Static<typeof RuleSchema>;

export const ProjectSchema = object({
  schemaVersion: Type.Literal(1),
  project: Name,
  feeds: named(FeedSchema),
  datasets: named(DatasetSchema),
  models: Type.Record(ModelName, ModelSchema, { default: {} }),
  outlets: named(OutletSchema),
  rules: Type.Array(RuleSchema, { default: [] }),
  /** A label feed: rows of a dataset that say what became of predictions. */
  labels: named(
    object({
      dataset: Name,
      model: ModelName,
      inferenceId: ColumnName,
      /** Default: row 0. */
      row: Type.Optional(ColumnName),
      label: ColumnName,
    }),
  ),
  /** Key of the `hash` treatment. */
  hashKey: Type.Optional(SecretRefSchema),
  retention: Type.Optional(
    object({ captureDays: Type.Number({ exclusiveMinimum: 0, default: 30 }) }),
  ),
});
/** With every default filled in. */
export type Project = Static<typeof ProjectSchema>;
