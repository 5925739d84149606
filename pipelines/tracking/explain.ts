import type { StoreReader } from "../store/store.ts";
import { explainBatch, explainDataset, explainFeed } from "./explain-data.ts";
import { explainCandidate, explainModel, explainVersion, explainWindow } from "./explain-model.ts";
import { explainRun } from "./explain-run.ts";
import type { Explanation } from "./explanation.ts";
import { findSubject } from "./find-subject.ts";
import { readEventsAbout } from "./read-events.ts";

/**
 * Why something is as it is.
 * @param text an id or its beginning, `NAME@N`, a name, or a subject as it stands
 * @throws TrackingError when that is nothing in the store, or several things
 */
export async function explain(store: StoreReader, text: string): Promise<Explanation> {
  const subject = await findSubject(store, text);
  const colon = subject.indexOf(":");
  const name = subject.slice(colon + 1);
  switch (subject.slice(0, colon)) {
    case "run":
      return explainRun(store, name);
    case "batch":
      return explainBatch(store, name);
    case "dataset":
      return explainDataset(store, name);
    case "feed":
      return explainFeed(store, name);
    case "candidate":
      return explainCandidate(store, name);
    case "window":
      return explainWindow(store, name);
    case "model":
      return /@[0-9]+$/.test(name) ? explainVersion(store, name) : explainModel(store, name);
    default:
      return {
        subject,
        headline: subject,
        reason: null,
        evidence: [],
        before: [],
        after: [],
        events: await readEventsAbout(store, [subject]),
      };
  }
}
