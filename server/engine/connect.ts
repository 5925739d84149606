import type { ServableInfo } from "../models/servable.ts";
import type { ConnectedServable } from "./connected-servable.ts";
import { connectNative } from "./native-client.ts";
import type { NativeChannel } from "./native-messages.ts";
import { loadNativeRuntime } from "./native-runtime.ts";
import { connectPortable } from "./portable-client.ts";
import type { PortableChannel } from "./portable-messages.ts";

/** What a serving thread is handed for a loaded version, by whichever engine holds it. */
export type EngineChannel = PortableChannel | NativeChannel;

/** Joins a loaded version from a serving thread. */
export function connectServable(info: ServableInfo, channel: EngineChannel): ConnectedServable {
  switch (channel.kind) {
    case "portable":
      return connectPortable(info, channel);
    case "native": {
      const { addon, reason } = loadNativeRuntime();
      if (addon === null) throw new Error(`the native engine does not load here: ${reason}`);
      return connectNative(info, channel, addon);
    }
  }
}
