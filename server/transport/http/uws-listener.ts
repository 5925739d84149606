import { withDeadline } from "../in-flight.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { HttpHandler } from "./http-handler.ts";
import type { HttpOptions } from "./http-options.ts";
import { loadUws } from "./load-uws.ts";
import { UwsDoor, type UwsHouse } from "./uws-door.ts";

/**
 * HTTP and WebSocket over uWebSockets.js, on the calling thread. Several threads may listen on one
 * port (SO_REUSEPORT); the kernel shares the connections out. REQUIRES: closed before its thread ends,
 * or the process aborts.
 *
 * Two quirks of uWebSockets.js: a client that pipelines (sends a second request before the first is
 * answered) is cut off, and a request without Host or with broken framing gets the library's own 400.
 * @throws Error when the library does not load, the port cannot be had or the certificate cannot be used
 */
export async function createUwsListener(
  context: ServingContext,
  options: HttpOptions,
): Promise<Listener> {
  const { uws, reason } = loadUws();
  if (uws === null) throw new Error(reason);
  const house = { uws, handler: new HttpHandler(context, options), context, options };
  return new UwsListener(house, await UwsDoor.open(house, options.port));
}

class UwsListener implements Listener {
  readonly name = "uWebSockets.js";
  readonly port: number;
  readonly #house: UwsHouse;
  /** The one that accepts. */
  #door: UwsDoor;
  /** Those before, whose connections live on under the certificate that they began with. */
  readonly #retired = new Set<UwsDoor>();
  #isClosing = false;

  constructor(house: UwsHouse, door: UwsDoor) {
    this.#house = house;
    this.#door = door;
    this.port = door.port;
  }

  async renewCertificate(): Promise<void> {
    if (this.#house.options.tls === null || this.#isClosing) return;
    const door = await UwsDoor.open(this.#house, this.port);
    if (this.#isClosing) {
      door.close();
      return;
    }
    const old = this.#door;
    this.#door = door;
    this.#retired.add(old);
    // Right after the loop has accepted all that waited: what waits when a port closes is reset.
    setImmediate(() => old.retire(() => this.#retired.delete(old)));
  }

  stopAccepting(): void {
    this.#isClosing = true;
    this.#house.handler.startClosing();
    for (const door of this.#doors) door.stopAccepting();
  }

  async close(deadlineMs: number): Promise<void> {
    this.stopAccepting();
    const { handler } = this.#house;
    const doors = this.#doors;
    const count = () =>
      doors.reduce((sum, { streams }) => sum + streams.inFlight, handler.inFlight.count);
    try {
      const drained = doors.map(({ streams }) => streams.drain());
      const idle = Promise.all([handler.inFlight.whenIdle(), ...drained]);
      await withDeadline(idle, deadlineMs, () => `${count()} requests in flight`);
    } finally {
      for (const door of this.#doors) door.close();
      this.#retired.clear();
    }
  }

  get #doors(): readonly UwsDoor[] {
    return [this.#door, ...this.#retired];
  }
}
