import { type Static, Type } from "@sinclair/typebox";
import { FilesConnector, PostgresConnector, RestConnector } from "./connector-schemas.ts";
import {
  ColumnName,
  Count,
  ModelName,
  Name,
  named,
  object,
  Ratio,
  Seconds,
  SecretRefSchema,
  told,
} from "./schema-parts.ts";

/**
 * sluice.yaml: one project, in git. Every object refuses unknown keys. Paths are relative to the
 * file's folder. A secret is never written here but named: `{env: NAME}` or `{file: PATH}`.
 */

export type SecretRef = Static<typeof SecretRefSchema>;

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
  dataset: told(Name, "The dataset that it fills."),
  connector: told(
    Type.Union([FilesConnector, PostgresConnector, RestConnector]),
    "Where rows come from.",
  ),
  everySecs: Type.Optional(
    told(Seconds, "Seconds between two pulls. A feed has `everySecs` or `cron`."),
  ),
  cron: Type.Optional(told(Type.String({ minLength: 1 }), "When to pull, a cron pattern (UTC).")),
  sanitise: Type.Optional(
    told(
      Type.Record(ColumnName, TreatmentSchema),
      "What becomes of a column before its first byte reaches the disk; columns that are not named are kept.",
    ),
  ),
  batchRows: told(
    Type.Integer({ minimum: 1, maximum: 10_000_000, default: 100_000 }),
    "Most rows of one batch; a longer answer makes several. Files are whole: rows at which no further file is added.",
  ),
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
  type: told(ColumnTypeSchema, "The column's type; a batch with another does not land."),
  maxMissing: Type.Optional(told(Ratio, "Most that may be missing, as a share of the rows.")),
  min: Type.Optional(told(Type.Number(), "Of every value.")),
  max: Type.Optional(told(Type.Number(), "Of every value.")),
  minMean: Type.Optional(told(Type.Number(), "Of the batch's mean.")),
  maxMean: Type.Optional(told(Type.Number(), "Of the batch's mean.")),
  values: Type.Optional(
    told(
      Type.Array(Type.String(), { maxItems: 10_000 }),
      "Every value but a share of `maxUnknown` is one of these.",
    ),
  ),
  maxUnknown: Type.Optional(told(Ratio, "See `values`.")),
  unique: Type.Optional(told(Type.Boolean(), "No value comes twice in a batch.")),
});
export type ColumnContract = Static<typeof ColumnContractSchema>;

export const DatasetSchema = object({
  time: Type.Optional(told(ColumnName, "Timestamp column: order of rows in time.")),
  key: Type.Optional(
    told(Type.Array(ColumnName, { minItems: 1 }), "Columns that together name a row."),
  ),
  types: Type.Optional(
    told(
      Type.Record(ColumnName, ColumnTypeSchema),
      "Types by declaration; others are read from the data.",
    ),
  ),
  contract: Type.Optional(
    object({
      inferFrom: told(
        Type.Integer({ minimum: 1, maximum: 100, default: 3 }),
        "Accepted batches from which the contract is inferred.",
      ),
      level: told(
        Type.Union([Type.Literal("fail"), Type.Literal("warn")], { default: "fail" }),
        "`fail` quarantines the batch; `warn` lands it and says so.",
      ),
      columns: Type.Optional(
        told(
          Type.Record(ColumnName, Type.Record(Type.String(), Type.Unknown())),
          "By column: takes the place of what was inferred, key by key; `null` lifts a bound.",
        ),
      ),
      minRows: Type.Optional(told(Count, "Fewest rows of a batch.")),
    }),
  ),
});
export type DatasetConfig = Static<typeof DatasetSchema>;

const GradientBoosting = object({
  kind: Type.Literal("gradientBoosting"),
  trees: told(Type.Integer({ minimum: 1, maximum: 10_000, default: 200 }), "Most trees."),
  learningRate: told(
    Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.05 }),
    "Share of each tree's correction that is taken.",
  ),
  maxLeaves: told(
    Type.Integer({ minimum: 2, maximum: 1024, default: 31 }),
    "Most leaves of a tree, which grows best leaf first.",
  ),
  minLeafRows: told(Type.Integer({ minimum: 1, default: 20 }), "Fewest rows of a leaf."),
  l2: told(Type.Number({ minimum: 0, default: 1 }), "L2 penalty on the values of leaves."),
  rowRatio: told(
    Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 }),
    "Share of the rows that each tree sees.",
  ),
  columnRatio: told(
    Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 }),
    "Share of the features that each tree sees.",
  ),
  earlyStoppingRounds: told(
    Type.Integer({ minimum: 0, default: 20 }),
    "Trees without a better validation loss after which training stops; 0: never.",
  ),
  seed: told(
    Type.Integer({ minimum: 0, default: 1 }),
    "The same rows, settings and seed give the same model.",
  ),
});
export type GradientBoostingConfig = Static<typeof GradientBoosting>;

const CommandTrainer = object({
  kind: Type.Literal("command"),
  name: told(
    Name,
    "Name in the `trainerCommands` setting: which programs may run is not for this file to say.",
  ),
  hyperparameters: Type.Optional(
    told(
      Type.Record(Type.String(), Type.Unknown()),
      "Handed over as hyperparameters.json; values become strings.",
    ),
  ),
  timeoutSecs: told(
    Type.Number({ exclusiveMinimum: 0, default: 3600 }),
    "Longest that the program may take.",
  ),
});
export type CommandTrainerConfig = Static<typeof CommandTrainer>;

export const METRICS = ["auc", "logLoss", "accuracy", "f1", "rmse", "mae", "r2"] as const;
export type MetricName = (typeof METRICS)[number];
const Metric = Type.Union(METRICS.map((name) => Type.Literal(name)));

const Evaluation = object({
  fraction: told(
    Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.2 }),
    "Share of the rows, the last in time, that training never sees.",
  ),
  metric: Type.Optional(
    told(Metric, "The one that decides; `auc` for binary and `rmse` for regression unless told."),
  ),
  thresholds: Type.Optional(
    told(
      Type.Array(
        object({
          metric: told(Metric, "What is bounded."),
          min: Type.Optional(told(Type.Number(), "At least this.")),
          max: Type.Optional(told(Type.Number(), "At most this.")),
        }),
      ),
      "Bounds that a candidate must keep whatever the champion does.",
    ),
  ),
  tolerance: told(
    Type.Number({ minimum: 0, default: 0.005 }),
    "Most that the candidate may be worse than the champion, in units of the metric.",
  ),
  sliceTolerance: told(Type.Number({ minimum: 0, default: 0.05 }), "The same within each slice."),
  minSliceRows: told(
    Type.Integer({ minimum: 1, default: 200 }),
    "Slices with fewer rows are shown and do not decide.",
  ),
  slices: Type.Optional(
    told(Type.Array(ColumnName), "Columns by whose values the rows are cut into slices."),
  ),
  bootstrapRounds: told(
    Type.Integer({ minimum: 50, maximum: 10_000, default: 300 }),
    "Draws for the interval of the change.",
  ),
});
export type EvaluationConfig = Static<typeof Evaluation>;

const Monitor = object({
  windowRows: told(
    Type.Integer({ minimum: 200, default: 1000 }),
    "Captured rows that make one window.",
  ),
  distance: told(
    Type.Number({ exclusiveMinimum: 0, default: 0.1 }),
    "Distance (Wasserstein / standard deviation, Jensen-Shannon base 2) from which on a column may have drifted …",
  ),
  pValue: told(
    Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.05 }),
    "… if the Benjamini-Hochberg corrected p-value is below this too.",
  ),
  k: told(Type.Integer({ minimum: 1, default: 2 }), "An alert needs `k` of the last `n` windows."),
  n: told(Type.Integer({ minimum: 1, default: 3 }), "See `k`."),
  performance: Type.Optional(
    object({
      metric: Type.Optional(
        told(Metric, "`auc` for binary and `rmse` for regression unless told."),
      ),
      maxDrop: told(
        Type.Number({ exclusiveMinimum: 0 }),
        "Degraded when the realised metric is worse than at evaluation by more than this.",
      ),
      coverage: told(
        Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.8 }),
        "Share of the window's rows whose label is known, for the metric to count.",
      ),
    }),
  ),
});
export type MonitorConfig = Static<typeof Monitor>;

export const ModelSchema = object({
  dataset: told(Name, "What it learns from; a feed fills it."),
  target: told(ColumnName, "The column to predict. Rows without it are left out."),
  task: told(
    Type.Union([Type.Literal("binary"), Type.Literal("regression")]),
    "`binary`: the probability that the target is true; `regression`: its value.",
  ),
  features: told(
    Type.Array(ColumnName, { minItems: 1 }),
    "The inputs of the model, by these names and in this order.",
  ),
  trainer: told(Type.Union([GradientBoosting, CommandTrainer]), "Who trains."),
  minRows: told(Type.Integer({ minimum: 10, default: 1000 }), "Fewest rows to train on."),
  trainRows: Type.Optional(told(Count, "Train on the last so many rows in time; all unless told.")),
  evaluation: Type.Optional(Evaluation),
  monitor: Type.Optional(told(Monitor, "Watch what the server captured; without it nothing is.")),
  deployment: Type.Optional(
    object({
      strategy: told(
        Type.Union([Type.Literal("recreate")], { default: "recreate" }),
        "All traffic moves to the new champion at once, when it is ready.",
      ),
    }),
  ),
  score: Type.Optional(
    object({
      into: told(
        Name,
        "Predictions of the champion for every new row of `dataset` are kept as the dataset of this name.",
      ),
      keep: Type.Optional(
        told(
          Type.Array(ColumnName),
          "Columns of the row that go along; its key and time unless told.",
        ),
      ),
    }),
  ),
});
export type ModelConfig = Static<typeof ModelSchema>;

const OUTLET_DATASET = "A dataset, or what a model scores into.";

export const OutletSchema = Type.Union([
  /** Polled: GET /v1/feeds/NAME?cursor=… */
  object({ kind: Type.Literal("feed"), dataset: told(Name, OUTLET_DATASET) }),
  /** Pushed: POST, signed as Standard Webhooks say. */
  object({
    kind: Type.Literal("webhook"),
    dataset: told(Name, OUTLET_DATASET),
    url: told(Type.String({ pattern: "^https?://" }), "Where messages are posted."),
    secret: told(SecretRefSchema, "Key of the signature: `whsec_` + base64."),
    batchRows: told(
      Type.Integer({ minimum: 1, maximum: 10_000, default: 500 }),
      "Most rows of a message.",
    ),
    maxAttempts: told(
      Type.Integer({ minimum: 1, default: 10 }),
      "Tries after which a message is dead.",
    ),
    timeoutSecs: told(
      Type.Number({ exclusiveMinimum: 0, default: 10 }),
      "Longest that the receiver may take to answer.",
    ),
  }),
  /** A versioned view in PostgreSQL for a role that may only SELECT. */
  object({
    kind: Type.Literal("view"),
    dataset: told(Name, OUTLET_DATASET),
    url: told(SecretRefSchema, "Connection URL of a login that may create in the schema."),
    schema: told(
      Type.String({ pattern: "^[a-z_][a-z0-9_]{0,62}$", default: "sluice" }),
      "Where table and view are kept.",
    ),
    role: told(
      Type.String({ pattern: "^[a-z_][a-z0-9_]{0,62}$" }),
      "May only SELECT. Made if it is not there; it cannot log in unless somebody lets it.",
    ),
  }),
]);
export type Outlet = Static<typeof OutletSchema>;

export const RuleSchema = object({
  when: told(
    Type.Union([
      object({ newRows: Count }),
      object({ drift: Type.Literal(true) }),
      object({ degradation: Type.Literal(true) }),
      object({ cron: Type.String({ minLength: 1 }) }),
    ]),
    "What raises it: so many new rows since the last training, an alert, or a time (UTC).",
  ),
  do: told(Type.Literal("train"), "What is done."),
  model: told(ModelName, "With this model."),
  unless: Type.Optional(
    object({
      coolDownSecs: told(
        Type.Number({ minimum: 0, default: 3600 }),
        "The last training of this model began less than so long ago.",
      ),
      maxPerDay: told(
        Type.Integer({ minimum: 1, default: 4 }),
        "So many trainings of this model began within a day.",
      ),
      maxRefused: told(
        Type.Integer({ minimum: 1, default: 3 }),
        "So many candidates in a row were refused: a person must look (`sluice run MODEL` tries again).",
      ),
    }),
  ),
});
export type Rule = Static<typeof RuleSchema>;

export const ProjectSchema = object({
  schemaVersion: told(Type.Literal(1), "Of this file's format."),
  project: told(Name, "Its name; recorded with every version that it publishes."),
  feeds: named(FeedSchema, "Doors in: where rows come from, by name."),
  datasets: named(DatasetSchema, "What rows are kept as, by name."),
  models: Type.Record(ModelName, ModelSchema, {
    default: {},
    description: "What is trained, watched and published, by name.",
  }),
  outlets: named(OutletSchema, "Doors out: where predictions go, by name."),
  rules: Type.Array(RuleSchema, {
    default: [],
    description:
      "When to train again. A model without any is trained on drift and on degradation, with the defaults of `unless`.",
  }),
  labels: named(
    object({
      dataset: told(Name, "The dataset whose rows are labels."),
      model: told(ModelName, "Whose predictions they are about."),
      inferenceId: told(ColumnName, "Column with the inference id that the server gave."),
      row: Type.Optional(
        told(ColumnName, "Column with the row of the request; row 0 unless told."),
      ),
      label: told(ColumnName, "Column with what became of it."),
    }),
    "Labels that come as rows of a dataset.",
  ),
  hashKey: Type.Optional(told(SecretRefSchema, "Key of the `hash` treatment.")),
  retention: Type.Optional(
    object({
      captureDays: told(
        Type.Number({ exclusiveMinimum: 0, default: 30 }),
        "Captured predictions and labels are deleted after so many days.",
      ),
    }),
  ),
});
/** With every default filled in. */
export type Project = Static<typeof ProjectSchema>;
