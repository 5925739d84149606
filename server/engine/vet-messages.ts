import type { Signature } from "../../protocols/core/signature.ts";
import type { VetReport } from "../models/loader.ts";
import type { EngineName } from "./pick-engine.ts";

/** What a vetting child says before it ends; silence means that it crashed. */
export type VetMessage =
  | { readonly kind: "passed"; readonly report: Omit<VetReport, "peakRssBytes"> }
  | { readonly kind: "refused"; readonly reason: string };

export interface VetOrder {
  /** The engine that will serve. */
  readonly engine: EngineName;
  readonly directory: string;
  /** What the manifest says; the graph must say the same. */
  readonly signature: Signature;
}
