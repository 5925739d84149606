import { setImmediate } from "node:timers/promises";
import type { Column, Table } from "../../datasets/column.ts";
import type { GradientBoostingConfig, ModelConfig } from "../../project/project.ts";
import type { Feature } from "../train-spec.ts";
import { LEAF, type Tree, type TreesModel } from "../trees-model.ts";
import { addTree } from "./add-tree.ts";
import {
  type BinnedTable,
  binColumn,
  chooseBins,
  createBinnedTable,
  type FeatureBins,
} from "./bins.ts";
import { type GrownTree, TreeGrower } from "./grow-tree.ts";
import { OBJECTIVES } from "./objective.ts";
import { chooseSorted, createRandom } from "./random.ts";
import { roundLeaves } from "./round-leaves.ts";

/** Features and the answers: 0 or 1, or the value; finite. */
export interface LabelledTable {
  readonly table: Table;
  readonly truth: Float64Array;
}

export interface BoostOptions {
  readonly task: ModelConfig["task"];
  readonly features: readonly Feature[];
  readonly config: Omit<GradientBoostingConfig, "kind">;
  readonly train: LabelledTable;
  /** Decides when to stop; no tree learns from it. At least one row. */
  readonly validation: LabelledTable;
  /** Every tree gives the loop a turn, and is the last when this is aborted: rejects with its reason. */
  readonly signal: AbortSignal;
  /** After tree number `trees` (from 1). */
  onTree(trees: number, losses: () => Losses): void;
}

/** Mean squared error, or mean negative log-likelihood. */
export interface Losses {
  readonly train: number;
  readonly validation: number;
}

/**
 * Gradient boosting with histograms (Friedman 2001; Ke et al. 2017). With early stopping the trees up
 * to the best validation loss are kept, without it all. The same input and seed give the same model to
 * the bit, however fast the machine is. REQUIRES: the training rows of a binary task have both classes.
 */
export async function boost(options: BoostOptions): Promise<TreesModel> {
  const { task, features, config, train, validation } = options;
  const bins = features.map(({ name }) => chooseBins(columnOf(train.table, name)));
  const trainBins = binTable(train.table, features, bins);
  const validationBins = binTable(validation.table, features, bins);
  const objective = OBJECTIVES[task];
  const baseValue = objective.baseValue(train.truth);
  const trainScores = new Float64Array(trainBins.rows).fill(baseValue);
  const validationScores = new Float64Array(validationBins.rows).fill(baseValue);
  const gradients = objective.createGradients(trainBins.rows);
  const grower = new TreeGrower(trainBins, bins, config);
  const random = createRandom(config.seed);
  const trees: GrownTree[] = [];
  let best = { trees: 0, loss: objective.loss(validation.truth, validationScores) };
  while (trees.length < config.trees) {
    await setImmediate();
    options.signal.throwIfAborted();
    objective.update(gradients, train.truth, trainScores);
    const sampled = chooseSorted(
      trainBins.rows,
      Math.ceil(trainBins.rows * config.rowRatio),
      random,
    );
    const asked = chooseSorted(bins.length, Math.ceil(bins.length * config.columnRatio), random);
    const tree = grower.grow(gradients, sampled, asked);
    trees.push(tree);
    if (sampled.length === trainBins.rows) grower.addLast(trainScores, tree);
    else addTree(trainScores, tree, trainBins, bins);
    addTree(validationScores, tree, validationBins, bins);
    const loss = objective.loss(validation.truth, validationScores);
    options.onTree(trees.length, () => ({
      train: objective.loss(train.truth, trainScores),
      validation: loss,
    }));
    if (loss < best.loss) best = { trees: trees.length, loss };
    if (config.earlyStoppingRounds > 0 && trees.length - best.trees >= config.earlyStoppingRounds) {
      break;
    }
  }
  // One tree at least: a model of none is a special case for whoever reads it.
  const kept = config.earlyStoppingRounds > 0 ? trees.slice(0, Math.max(1, best.trees)) : trees;
  return roundLeaves({
    schemaVersion: 1,
    task,
    features: features.map(({ name }, index) => describe(name, bins[index] as FeatureBins)),
    baseValue,
    trees: kept.map((tree) => toDocument(tree, bins)),
  });
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.get(name);
  if (column === undefined) throw new Error(`the table has no column '${name}'`);
  return column;
}

function binTable(
  table: Table,
  features: readonly Feature[],
  bins: readonly FeatureBins[],
): BinnedTable {
  const bytes = new Uint8Array(table.rows * features.length);
  features.forEach(({ name }, index) => {
    const column = binColumn(columnOf(table, name), bins[index] as FeatureBins);
    bytes.set(column, index * table.rows);
  });
  return createBinnedTable(table.rows, bytes);
}

function describe(name: string, bins: FeatureBins): TreesModel["features"][number] {
  if (bins.kind === "number") return { name, kind: "number" };
  return { name, kind: "text", categories: [...bins.categories] };
}

function toDocument(tree: GrownTree, bins: readonly FeatureBins[]): Tree {
  const thresholdOf = ({ split }: GrownTree[number]) => {
    const asked = split === null ? null : (bins[split.feature] as FeatureBins);
    if (split === null || asked?.kind !== "number") return 0;
    return asked.thresholds[split.bin] as number;
  };
  return {
    feature: tree.map(({ split }) => split?.feature ?? LEAF),
    threshold: tree.map(thresholdOf),
    set: tree.map(({ split }) => (split?.set === null || split === null ? null : [...split.set])),
    left: tree.map(({ left }) => left),
    right: tree.map(({ right }) => right),
    missingLeft: tree.map(({ split }) => split?.missingLeft ?? false),
    value: tree.map(({ value }) => value),
  };
}
