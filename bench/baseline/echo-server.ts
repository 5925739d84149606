import type * as Uws from "uWebSockets.js";
import { createRequire } from "node:module";
import type { EchoPlan } from "./echo-plan.ts";

/**
 * The other limit: uWebSockets.js alone. Reads each body to its end and answers the same bytes every
 * time, so that what Sluice needs beyond it is Sluice's own. Entry of a child process; takes one
 * EchoPlan over IPC, answers with its port, and serves until it is told to end.
 */

/** Optional where its binary does not fit: a static import would end the process without a reason. */
function loadUws(): typeof Uws {
  return createRequire(import.meta.url)("uWebSockets.js") as typeof Uws;
}

function serve(plan: EchoPlan): void {
  const uws = loadUws();
  const app = uws.App();
  app.any("/*", (response, request) => {
    // As a server must that routes and authenticates.
    request.getUrl();
    request.getHeader("authorization");
    response.onAborted(() => undefined);
    let isRead = false;
    response.onData((_chunk, isLast) => {
      if (!isLast || isRead) return;
      isRead = true;
      response.cork(() => {
        for (const [name, value] of plan.headers) response.writeHeader(name, value);
        response.end(plan.answer);
      });
    });
  });
  app.listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("could not listen on a free port of 127.0.0.1");
    process.send?.({ port: uws.us_socket_local_port(socket) });
  });
}

process.once("message", (plan) => serve(plan as EchoPlan));
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
