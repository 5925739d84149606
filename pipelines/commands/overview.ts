import { overviewOf } from "../tracking/overview.ts";
import { overviewToMermaid } from "../tracking/overview-to-mermaid.ts";
import { type CommandIo, writeJson } from "./command-io.ts";
import { withStore } from "./with-store.ts";

export interface OverviewArgs {
  readonly home: string;
  readonly isJson: boolean;
}

/** `sluice overview`: what flowed where in the whole life of a home, as a picture in Mermaid. */
export async function overviewCommand(args: OverviewArgs, io: CommandIo): Promise<number> {
  return withStore(args.home, async (store) => {
    const overview = await overviewOf(store);
    if (args.isJson) writeJson(io, overview);
    else io.stdout.write(overviewToMermaid(overview));
    return 0;
  });
}
