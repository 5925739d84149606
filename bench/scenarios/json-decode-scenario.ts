import { loadAddon } from "../../native/load-addon.ts";
import { installNumberAccelerator } from "../../protocols/oip-rest/number-accelerator.ts";
import { runtimeLibraryPath } from "../baseline/runtime-library.ts";
import type { Figure } from "./figure.ts";
import { ratioFigure } from "./figures.ts";
import { measureJsonDecode, type NumberTexts } from "./json-decode.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

const BAR = { atLeast: 5 };
/** The texts that clients send: FP32 widened by a language without it, and rounded by hand. */
const TEXTS: readonly NumberTexts[] = ["widened-fp32", "short-decimals"];
const MESSAGES = 12;
const QUICK_MESSAGES = 2;
const NS_PER_SEC = 1e9;

/** The request decoder against what a server without one would do. */
export const JSON_DECODE: Scenario = {
  name: "json-decode",
  title: "Numbers in JSON",
  question:
    "How much faster does the server decode a 1x3x224x224 tensor than JSON.parse and a typed array?",
  bar: "at least 5 times",
  async run(context) {
    const { addon, reason } = loadAddon(runtimeLibraryPath());
    const figures: Figure[] = [];
    try {
      installNumberAccelerator(addon);
      for (const numbers of TEXTS) figures.push(await measureTexts(context, numbers, BAR));
      installNumberAccelerator(null);
      if (addon !== null) {
        for (const numbers of TEXTS) figures.push(await measureTexts(context, numbers, null));
      }
      const notes = [
        "In one thread, no server; every message has other bytes than the one before.",
      ];
      if (addon === null) notes.push(`TypeScript alone: the addon does not load: ${reason}`);
      return { figures, series: [], notes };
    } finally {
      installNumberAccelerator(null);
    }
  },
};

/** @param bar null: the ablation, without the addon's scanner */
async function measureTexts(
  context: ScenarioContext,
  numbers: NumberTexts,
  bar: typeof BAR | null,
): Promise<Figure> {
  const pairs = context.settings.quick ? QUICK_MESSAGES : MESSAGES;
  const what = bar === null ? `${numbers} without the addon` : numbers;
  const repeated = await context.repeat({
    name: `json-decode ${what}`,
    measure: async () => measureJsonDecode({ numbers, isAlwaysNew: true, pairs }),
  });
  return ratioFigure({
    name: `${what}: messages/s, decoder / JSON.parse + Float32Array.from`,
    unit: "/s",
    ours: repeated.results.map((result) => NS_PER_SEC / result.decodeNs.median),
    theirs: repeated.results.map((result) => NS_PER_SEC / result.parseNs.median),
    noisyPairs: repeated.noisyRuns,
    bar,
  });
}
