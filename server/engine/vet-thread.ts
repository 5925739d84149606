/** Entry of the one thread of a vetting child that touches the model, where its calls block. */
import { parentPort, workerData } from "node:worker_threads";
import { obeyVetOrder } from "./obey-vet-order.ts";
import type { VetOrder } from "./vet-messages.ts";

parentPort?.postMessage(await obeyVetOrder(workerData as VetOrder));
