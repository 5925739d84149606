import { transportContract } from "../testing/transport-contract.ts";
import { loadUws } from "./load-uws.ts";
import { createUwsListener } from "./uws-listener.ts";

transportContract(
  { name: "uWebSockets.js", create: createUwsListener, canPipeline: false },
  loadUws().reason,
);
