import { transportContract } from "../testing/transport-contract.ts";
import { createNodeListener } from "./node-listener.ts";

transportContract({ name: "node:http", create: createNodeListener, canPipeline: true }, null);
