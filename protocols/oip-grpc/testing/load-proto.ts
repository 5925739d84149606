import { fileURLToPath } from "node:url";
import {
  load,
  type MethodDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../methods.ts";

/** The .proto files as an independent implementation reads them (proto-loader over protobufjs). */
export interface LoadedProto {
  readonly definition: PackageDefinition;
  method(name: string): MethodDefinition<object, object>;
}

/** Compiled tests run in dist/, and .proto files stay in the source tree. */
function protoPath(name: string): string {
  return fileURLToPath(new URL(`../../../../protocols/oip-grpc/${name}`, import.meta.url));
}

export async function loadProto(): Promise<LoadedProto> {
  const definition = await load([protoPath("inference.proto"), protoPath("health.proto")], {
    keepCase: true,
    longs: String,
    enums: Number,
    defaults: true,
    arrays: true,
    objects: true,
    oneofs: true,
  });
  return {
    definition,
    method: (name) => {
      const service = name === "Check" ? HEALTH_SERVICE : INFERENCE_SERVICE;
      const method = (definition[service] as ServiceDefinition)[name];
      if (method === undefined) throw new Error(`no method ${name} in ${service}`);
      return method;
    },
  };
}
