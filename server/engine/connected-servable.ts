import type { ClassExplanation, Servable } from "../models/servable.ts";

/** A servable on one serving thread, and how to let it go. */
export interface ConnectedServable extends Servable {
  /** What this thread has learned, by the shapes of requests; empty where the engine learns nothing. */
  explainClasses(): readonly ClassExplanation[];
  /** Closes the channel. REQUIRES: no lease on this thread. */
  close(): void;
}
