import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { Waiter } from "../../request/waiter.ts";
import type { HttpExchange } from "./http-exchange.ts";
import { NodeExchange } from "./node-exchange.ts";
import { UwsExchange } from "./uws-exchange.ts";

/** An exchange, and what makes its client go away. */
interface Leaving {
  readonly exchange: HttpExchange;
  readonly leave: () => void;
}

function overNode(): Leaving {
  const req = { method: "POST", url: "/", rawHeaders: [] } as unknown as IncomingMessage;
  const res = Object.assign(new EventEmitter(), { writableFinished: false });
  const exchange = new NodeExchange(req, res as unknown as ServerResponse, 1000, false);
  return { exchange, leave: () => res.emit("close") };
}

function overUws(): Leaving {
  let abort: () => void = () => undefined;
  const res = {
    onAborted: (told: () => void) => {
      abort = told;
    },
  } as unknown as HttpResponse;
  const req = {
    getCaseSensitiveMethod: () => "POST",
    getUrl: () => "/",
    forEach: () => undefined,
  } as unknown as HttpRequest;
  return { exchange: new UwsExchange(res, req, 1000), leave: () => abort() };
}

describe("a waiter hears that its client has gone", () => {
  for (const [name, open] of [
    ["node:http", overNode],
    ["uWebSockets.js", overUws],
  ] as const) {
    test(`${name}: after it was made, and before, as while a body is inflated`, () => {
      const later = open();
      const waiting = new Waiter();
      later.exchange.tellGone(waiting);
      assert.equal(waiting.isGone, false);
      later.leave();
      assert.equal(waiting.isGone, true);
      const before = open();
      before.leave();
      const late = new Waiter();
      before.exchange.tellGone(late);
      assert.equal(late.isGone, true);
    });
  }
});
