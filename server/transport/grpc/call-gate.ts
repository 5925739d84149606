import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { InferError, toInferError } from "../../../protocols/core/status.ts";
import { REQUEST_ID_KEY } from "../../../protocols/oip-grpc/methods.ts";
import type { Gatekeeper } from "../../access/gatekeeper.ts";
import type { Action, Principal } from "../../access/principal.ts";
import { readCredential } from "../../access/read-credential.ts";
import type { Logger } from "../../lib/log.ts";
import { Waiter } from "../../request/waiter.ts";
import { InFlight } from "../in-flight.ts";
import { RequestIds } from "../request-id.ts";
import { failedStatus } from "./failed-status.ts";

/** What is known of a call once its metadata came. */
export interface AdmittedCall {
  /** The client's own, or a new one. */
  readonly requestId: string;
  /** The client sent a request id and gets it back with every answer, not only with errors. */
  readonly wantsRequestId: boolean;
  /** null for a probe: those are open. */
  readonly principal: Principal | null;
  readonly waiter: Waiter;
}

/**
 * Judges every call by its metadata, before grpc-js reads its message: who may not ask does not get
 * megabytes buffered, and a method that is not offered is refused whatever its shape. The one place
 * of this transport that authenticates. One instance a listener.
 */
export class CallGate {
  readonly #gatekeeper: Gatekeeper;
  readonly #log: Logger;
  /** By path; null for a method that is not offered. */
  readonly #actions: ReadonlyMap<string, Action | null>;
  readonly #ids = new RequestIds();
  /** grpc-js hands the same Metadata object to the interceptor and to the handler. */
  readonly #admitted = new WeakMap<Metadata, AdmittedCall>();
  /** Calls that were let in and have not ended, their messages perhaps still on the way. */
  readonly #open = new Map<ServerInterceptingCallInterface, AdmittedCall>();
  readonly #inFlight = new InFlight();

  constructor(gatekeeper: Gatekeeper, log: Logger, actions: ReadonlyMap<string, Action | null>) {
    this.#gatekeeper = gatekeeper;
    this.#log = log;
    this.#actions = actions;
  }

  readonly interceptor: ServerInterceptor = (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            if (this.#admit(method.path, metadata, call)) pass(metadata);
          },
          // grpc-js's word for the end of any call, answered or not.
          onCancel: () => this.#end(call),
        }),
    });

  /** REQUIRES: the interceptor let the call pass. */
  take(metadata: Metadata): AdmittedCall {
    const admitted = this.#admitted.get(metadata);
    if (admitted === undefined) throw new Error("a gRPC call came past the gate");
    return admitted;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Resolves when no call is open. */
  whenIdle(): Promise<void> {
    return this.#inFlight.whenIdle();
  }

  /** Answers every open call with `draining`; what is still computed for it is dropped. */
  cutOff(): void {
    const error = new InferError("draining", "the server shut down before this call was answered");
    for (const [call, { requestId }] of this.#open) call.sendStatus(failedStatus(error, requestId));
  }

  #end(call: ServerInterceptingCallInterface): void {
    const admitted = this.#open.get(call);
    if (admitted === undefined) return;
    this.#open.delete(call);
    // Nothing where it was answered.
    admitted.waiter.leave();
    this.#inFlight.leave();
  }

  #admit(path: string, metadata: Metadata, call: ServerInterceptingCallInterface): boolean {
    const sent = single(metadata, REQUEST_ID_KEY);
    const requestId = this.#ids.take(sent);
    try {
      const principal = this.#judge(path, metadata);
      const wantsRequestId = requestId === sent;
      const admitted = { requestId, wantsRequestId, principal, waiter: new Waiter() };
      this.#admitted.set(metadata, admitted);
      this.#open.set(call, admitted);
      this.#inFlight.enter();
      return true;
    } catch (thrown) {
      const error = toInferError(thrown);
      logFault(this.#log, error, requestId, path);
      call.sendStatus(failedStatus(error, requestId));
      return false;
    }
  }

  #judge(path: string, metadata: Metadata): Principal | null {
    const action = this.#actions.get(path) ?? null;
    if (action === null) {
      throw new InferError("unsupported", `the method ${path} is not offered by this server yet`);
    }
    return action === "probe"
      ? null
      : this.#gatekeeper.authenticate(readCredential((name) => single(metadata, name)));
  }
}

/** Faults of the server are logged with their cause; the client sees only the request id. */
export function logFault(log: Logger, error: InferError, requestId: string, path: string): void {
  if (error.code !== "internal") return;
  log.error({ requestId, method: path, err: error.cause ?? error }, "a call failed");
}

/** The first value: HTTP/2 joins or drops repeated ones, and a joined key is no key. */
function single(metadata: Metadata, key: string): string | null {
  const [value] = metadata.get(key);
  return value === undefined ? null : String(value);
}
