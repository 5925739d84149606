import type { HttpOptions } from "../http/http-options.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { createFakeContext, type FakeContext, TEST_OPTIONS } from "./fake-context.ts";

/** A listener under test. */
export interface Rig {
  readonly name: string;
  readonly create: (context: ServingContext, options: HttpOptions) => Promise<Listener>;
  /** uWebSockets.js cuts off a client that sends a request before the last one is answered. */
  readonly canPipeline: boolean;
}

export interface Served {
  readonly port: number;
  readonly context: FakeContext;
  readonly listener: Listener;
}

export interface ServeOptions extends Partial<HttpOptions> {
  readonly needsKey?: boolean;
  readonly maxInflightBytes?: number;
  readonly maxConnections?: number;
}

/** Runs `body` against a listener of its own; afterwards nothing may be held: no byte, no lease. */
export async function serve(
  rig: Rig,
  { needsKey, maxInflightBytes, maxConnections, ...options }: ServeOptions,
  body: (served: Served) => Promise<void>,
): Promise<void> {
  const context = createFakeContext(needsKey, maxInflightBytes, maxConnections);
  const listener = await rig.create(context, { ...TEST_OPTIONS, ...options });
  let isDone = false;
  try {
    await body({ port: listener.port, context, listener });
    isDone = true;
  } finally {
    context.models.gate.openAll();
    // A failing test leaves sockets behind; its own error is the one to see.
    await listener.close(5000).catch((error: unknown) => {
      if (isDone) throw error;
    });
  }
  if (context.pipeline.bytes.usedBytes !== 0 || context.models.leases() !== 0) {
    throw new Error(
      `left behind: ${context.pipeline.bytes.usedBytes} bytes, ${context.models.leases()} leases`,
    );
  }
}
