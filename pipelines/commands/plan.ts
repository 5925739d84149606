import type { PipelinesConfig } from "../loop/pipelines-config.ts";
import { planOnce } from "../loop/plan-once.ts";
import type { Plan } from "../loop/planned-run.ts";
import { loadProject } from "../project/load-project.ts";
import { openStore, storePath } from "../store/store.ts";
import { type CommandIo, writeJson } from "./command-io.ts";
import { layOut } from "./layout.ts";

/**
 * `sluice plan`: what would run now and why, and what is withheld and why.
 * @throws ProjectError
 */
export async function planCommand(
  config: PipelinesConfig,
  isJson: boolean,
  io: CommandIo,
): Promise<number> {
  const project = loadProject(config.projectFile);
  const store = await openStore(storePath(config.home));
  try {
    const plan = await planOnce(store, project, config, io.env, Date.now());
    if (isJson) writeJson(io, planDocument(plan));
    else io.stdout.write(describePlan(plan));
    return 0;
  } finally {
    await store.destroy();
  }
}

/** Without the specs: they hold URLs. */
export function planDocument({ runs, withheld }: Plan): unknown {
  return {
    runs: runs.map(({ kind, subject, key, reason, inputs }) => ({
      kind,
      subject,
      key,
      reason,
      inputs,
    })),
    withheld: withheld.map(({ subject, reason }) => ({ subject, reason })),
  };
}

export function describePlan({ runs, withheld }: Plan): string {
  const due =
    runs.length === 0
      ? "nothing is due\n"
      : layOut(
          ["DUE", "SUBJECT", "WHY"],
          runs.map(({ kind, subject, reason }) => [kind, subject, reason]),
        );
  if (withheld.length === 0) return due;
  const held = layOut(
    ["WITHHELD", "WHY"],
    withheld.map(({ subject, reason }) => [subject, reason]),
  );
  return `${due}\n${held}`;
}
