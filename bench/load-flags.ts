import { type Command, Option } from "commander";
import { GENERATOR_CHOICES, type GeneratorChoice } from "./generator.ts";
import { addShape, parsePositive, parsePositiveInteger } from "./option-parsers.ts";

/** Flags that `sluice bench` and `sluice tune` both have; commander fills in those without null. */
export interface InputFlags {
  readonly input?: string;
  readonly shape: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
}

/** What is sent, and whether its answers are compared. */
export function addInputFlags(command: Command): Command {
  return command
    .option("--input <file>", "JSON file: one inference request, or an array of them")
    .addOption(
      new Option("--shape <input=dims>", "x=1,4; repeatable; for open dimensions")
        .argParser(addShape)
        .default(new Map(), "1 each"),
    )
    .option("--no-verify", "do not compare answers to the same input (models random by design)");
}

export interface GeneratorFlags {
  readonly timeoutSecs: number;
  readonly generatorThreads: number;
  readonly generator: GeneratorChoice;
}

export function addGeneratorFlags(command: Command): Command {
  return command
    .option("--timeout-secs <s>", "longest wait for one answer", parsePositive, 30)
    .option("--generator-threads <n>", "threads that make the load", parsePositiveInteger, 1)
    .addOption(
      new Option("--generator <kind>", "what they are; native speaks no gRPC and no TLS")
        .choices(GENERATOR_CHOICES)
        .default("auto", "auto: native where it can be built and speaks the protocol"),
    );
}
