import { InferError } from "../../protocols/core/status.ts";
import { createDeferred, type Deferred } from "../lib/deferred.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { ColdLoads } from "../request/cold-start.ts";
import type { Waiter } from "../request/waiter.ts";
import type { FromThread, SteerError } from "./messages.ts";

const RETRY_AFTER_MS = 1000;
/** A longer timer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** More would hold memory for a model that cannot be had soon. */
const MAX_WAITING = 1024;

interface Call {
  readonly key: string;
  readonly answer: Deferred<void>;
  waiting: number;
}

/** Cold loads of one serving thread: one call to the control thread a version, for all who wait. */
export class ThreadColdLoads implements ColdLoads {
  readonly #tell: (message: FromThread) => void;
  readonly #byKey = new Map<string, Call>();
  readonly #byId = new Map<number, Call>();
  #nextId = 1;

  constructor(tell: (message: FromThread) => void) {
    this.#tell = tell;
  }

  async load(
    model: string,
    version: number,
    deadlineEpochMs: number | null,
    waiter: Waiter,
  ): Promise<void> {
    const call = this.#byKey.get(`${model}/${version}`) ?? this.#call(model, version);
    if (call.waiting >= MAX_WAITING) {
      throw notReady(`model '${model}' has ${MAX_WAITING} requests waiting for it to load`);
    }
    call.waiting += 1;
    try {
      const what = `${model}' version '${version}`;
      await waiter.unlessGone(untilDeadline(call.answer.promise, deadlineEpochMs, what));
    } finally {
      call.waiting -= 1;
    }
  }

  settle(callId: number, error: SteerError | null): void {
    const call = this.#byId.get(callId);
    if (call === undefined) return;
    this.#byId.delete(callId);
    this.#byKey.delete(call.key);
    if (error === null) call.answer.resolve();
    else call.answer.reject(notReady(error.message, error.code));
  }

  #call(model: string, version: number): Call {
    const callId = this.#nextId++;
    const call: Call = { key: `${model}/${version}`, answer: createDeferred<void>(), waiting: 0 };
    // Those who wait hear of it; when none is left, nobody needs to.
    call.answer.promise.catch(() => undefined);
    this.#byKey.set(call.key, call);
    this.#byId.set(callId, call);
    this.#tell({ kind: "cold-load", callId, model, version });
    return call;
  }
}

async function untilDeadline(
  loaded: Promise<void>,
  deadlineEpochMs: number | null,
  what: string,
): Promise<void> {
  if (deadlineEpochMs === null) return loaded;
  const late = createDeferred<void>();
  const timer = setTimeout(
    () => late.reject(notReady(`model '${what}' was not loaded before the request's deadline`)),
    Math.min(MAX_TIMER_MS, Math.max(0, deadlineEpochMs - epochNowMs())),
  );
  try {
    await Promise.race([loaded, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function notReady(message: string, code: InferError["code"] = "model-not-ready"): InferError {
  return new InferError(code, message, { retryAfterMs: RETRY_AFTER_MS });
}
