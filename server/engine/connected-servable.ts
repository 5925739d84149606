import type { Servable } from "../models/servable.ts";

/** A servable on one serving thread, and how to let it go. */
export interface ConnectedServable extends Servable {
  /** Closes the channel. REQUIRES: no lease on this thread. */
  close(): void;
}
