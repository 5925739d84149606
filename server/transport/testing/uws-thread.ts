import { parentPort, workerData } from "node:worker_threads";
import { createUwsListener } from "../http/uws-listener.ts";
import { createFakeContext, TEST_OPTIONS } from "./fake-context.ts";

/** A serving thread: listens, reports its port, closes when told and ends by itself. */
const { port } = workerData as { port: number };
const listener = await createUwsListener(createFakeContext(), { ...TEST_OPTIONS, port });
parentPort?.once("message", () => {
  void listener.close(2000);
});
parentPort?.postMessage(listener.port);
