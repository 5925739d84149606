import { flagOf } from "./flag-of.ts";
import type { BenchOptions } from "./options.ts";

/** What is missing, or is not for what was asked; null when it can be run. */
export function explainOptions(options: BenchOptions): string | null {
  if (options.listsScenarios || options.peersToSetUp !== null) return null;
  if (options.scenarios.length > 0) return explainScenarios(options);
  if (options.peers.length > 0) return "--peers is for scenarios; add --scenario";
  return options.baseline === null ? explainLoad(options) : explainComparison(options);
}

function explainScenarios(options: BenchOptions): string | null {
  const foreign = (["url", "grpc", "model", "modelFile", "baseline", "ratePerSec"] as const).find(
    (key) => options[key] !== null,
  );
  return foreign === undefined
    ? null
    : `--scenario starts its own servers on its own models; leave out ${foreign === "ratePerSec" ? "--rate" : flagOf(foreign)}`;
}

function explainLoad(options: BenchOptions): string | null {
  if (options.modelFile !== null) return "--model-file is for comparisons; add --baseline";
  if (options.model === null) return "say which model: --model NAME";
  const needsUrl = options.protocols.find((protocol) => protocol !== "grpc");
  if (needsUrl !== undefined && options.url === null) return `${needsUrl} needs --url`;
  if (options.protocols.includes("grpc") && options.grpc === null) return "grpc needs --grpc";
  if (options.url !== null && !/^https?:\/\/[^/]/i.test(options.url)) {
    return `--url: expected http://host:port or https://host:port, got '${options.url}'`;
  }
  return null;
}

function explainComparison(options: BenchOptions): string | null {
  if (options.modelFile === null) return "--baseline needs --model-file FILE (or mlp)";
  const foreign = (["url", "grpc", "model", "version", "apiKey", "pid"] as const).find(
    (key) => options[key] !== null,
  );
  if (foreign !== undefined) {
    return `--baseline starts both servers itself; leave out ${flagOf(foreign)}`;
  }
  if (options.ratePerSec !== null) {
    return "--baseline compares what each can do in the closed loop; leave out --rate";
  }
  return null;
}
