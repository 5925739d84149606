import { readMessages } from "./text-fields.ts";
import type { TextMessage, TextValue } from "./text-format.ts";

/** Fields that are followed, or change nothing here. */
const FOLLOWED: ReadonlySet<string> = new Set([
  ...["name", "platform", "backend", "max_batch_size", "input", "output", "version_policy"],
  ...["default_model_filename", "dynamic_batching", "instance_group", "model_transaction_policy"],
]);

/** Why a known field of ModelConfig (model_config.proto) is not followed. */
const WHY: Readonly<Record<string, string>> = {
  optimization: "the engine's own settings hold",
  model_warmup: "warm-up sends zeros of its own",
  parameters: "the engine's own settings hold",
  response_cache: "answers are not cached",
  model_repository_agents: "agents do not run here",
  cc_model_filenames: "runs are on the CPU",
  metric_tags: "metrics have the labels model and version",
  model_metrics: "histograms have fixed buckets",
  model_operations: "libraries of operators are not loaded",
  batch_input: "inputs are as the client sent them",
  batch_output: "outputs are as the graph gave them",
  runtime: "the engine is chosen by the setting engine",
};

/** Fields below dynamic_batching; all are about queues that work otherwise here. */
const BATCHING_WHY: Readonly<Record<string, string>> = {
  preferred_batch_size: "a batch is what waited",
  max_queue_delay_microseconds: "a batch waits for nothing but the engine",
  preserve_ordering: "each answer goes out when it is there",
  priority_levels: "see Overload in operations.md",
  default_priority_level: "see Overload in operations.md",
  default_queue_policy: "see maxQueue",
  priority_queue_policy: "see maxQueue",
};

const TENSOR_WHY: Readonly<Record<string, string>> = {
  label_filename: "classes are not named in answers",
  allow_ragged_batch: "only requests of one shape are stacked",
  optional: "every input of the graph is needed",
  is_shape_tensor: "not of ONNX Runtime on the CPU",
  is_non_linear_format_io: "not of ONNX Runtime on the CPU",
};

/** What a config.pbtxt asks for that is not done, each with why: "optimization (…)". */
export function findNotHonoured(config: TextMessage): readonly string[] {
  const found: string[] = [];
  for (const field of config.keys()) {
    if (!FOLLOWED.has(field)) found.push(`${field} (${WHY[field] ?? "not known"})`);
  }
  for (const batching of readMessages(config, "dynamic_batching", "dynamic_batching")) {
    addFields(found, "dynamic_batching.", batching, BATCHING_WHY);
  }
  for (const role of ["input", "output"] as const) {
    for (const tensor of readMessages(config, role, role)) {
      addFields(found, `${role}.`, tensor, TENSOR_WHY);
    }
  }
  for (const group of readMessages(config, "instance_group", "instance_group")) {
    addInstanceGroup(found, group);
  }
  return [...new Set(found)];
}

/** Fields that say no more than the default are not worth a word. */
function addFields(
  found: string[],
  prefix: string,
  message: TextMessage,
  why: Readonly<Record<string, string>>,
): void {
  for (const [field, values] of message) {
    const reason = why[field];
    if (reason === undefined || values.every(isDefault)) continue;
    found.push(`${prefix}${field} (${reason})`);
  }
}

function isDefault(value: TextValue): boolean {
  if (value.kind === "message") return false;
  return value.kind === "number" ? value.value === 0 : value.text === "false" || value.text === "";
}

function addInstanceGroup(found: string[], group: TextMessage): void {
  const [count] = group.get("count") ?? [];
  const [kind] = group.get("kind") ?? [];
  if (count?.kind === "number" && count.value > 1) {
    found.push("instance_group.count (the setting engineThreads decides)");
  }
  if (group.has("gpus") || (kind?.kind === "word" && kind.text === "KIND_GPU")) {
    found.push("instance_group.kind KIND_GPU (runs are on the CPU)");
  }
}
