import type { ServableInfo } from "../models/servable.ts";
import { type ConnectedServable, connectPortable } from "./portable-client.ts";
import type { PortableChannel } from "./portable-messages.ts";

/** What a serving thread is handed for a loaded version, by whichever engine holds it. */
export type EngineChannel = PortableChannel;

/** Joins a loaded version from a serving thread. */
export function connectServable(info: ServableInfo, channel: EngineChannel): ConnectedServable {
  switch (channel.kind) {
    case "portable":
      return connectPortable(info, channel);
  }
}
