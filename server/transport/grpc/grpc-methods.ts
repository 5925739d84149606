import type { ModelRef } from "../../../protocols/core/infer.ts";
import { assertModelName } from "../../../protocols/core/names.ts";
import { InferError } from "../../../protocols/core/status.ts";
import { grpcInferCodec, readModelRef } from "../../../protocols/oip-grpc/infer-codec.ts";
import {
  decodeHealthQuery,
  decodeIndexQuery,
  decodeModelRef,
  decodeSteer,
  EMPTY_MESSAGE,
  encodeFlag,
  encodeHealth,
  encodeIndex,
  encodeModelMetadata,
  encodeServerMetadata,
  type RepositoryIndexQuery,
  type SteerMessage,
} from "../../../protocols/oip-grpc/messages.ts";
import { INFERENCE_SERVICE, METHOD_PATHS } from "../../../protocols/oip-grpc/methods.ts";
import type { Action, Principal } from "../../access/principal.ts";
import {
  isModelReady,
  modelMetadata,
  repositoryIndex,
  SERVER_METADATA,
} from "../../request/queries.ts";
import type { Waiter } from "../../request/waiter.ts";
import type { ServingContext } from "../serving-context.ts";
import { assertSteerParameters } from "../steer-parameters.ts";

/** One call, after authentication, with its whole message. */
export interface GrpcCall {
  readonly wire: Uint8Array;
  /** null for a probe. */
  readonly principal: Principal | null;
  /** Absolute, epoch milliseconds; null for none. */
  readonly deadlineEpochMs: number | null;
  readonly waiter: Waiter;
}

export interface GrpcMethod {
  readonly path: string;
  readonly action: Action;
  /** Decodes, authorises and answers. @throws InferError */
  run(context: ServingContext, call: GrpcCall): Uint8Array | Promise<Uint8Array>;
}

/** The methods that are served, and what each needs. */
export const GRPC_METHODS: readonly GrpcMethod[] = [
  probe(METHOD_PATHS.serverLive, () => encodeFlag(true)),
  probe(METHOD_PATHS.serverReady, (context) => encodeFlag(context.isReady())),
  probe(METHOD_PATHS.healthCheck, (context, wire) => {
    assertKnownService(decodeHealthQuery(wire));
    return encodeHealth(context.isReady());
  }),
  guarded(METHOD_PATHS.modelReady, "read", {
    decode: decodeNamedModel,
    modelOf: (ref) => ref.name,
    answer: (context, ref) => encodeFlag(isModelReady(context.pipeline.serving, ref)),
  }),
  guarded(METHOD_PATHS.serverMetadata, "read", {
    decode: () => null,
    modelOf: () => null,
    answer: () => encodeServerMetadata(SERVER_METADATA),
  }),
  guarded(METHOD_PATHS.modelMetadata, "read", {
    decode: decodeNamedModel,
    modelOf: (ref) => ref.name,
    answer: (context, ref) => encodeModelMetadata(modelMetadata(context.pipeline.serving, ref)),
  }),
  guarded(METHOD_PATHS.repositoryIndex, "read", {
    decode: decodeIndexQuery,
    modelOf: () => null,
    answer: answerIndex,
  }),
  steering(METHOD_PATHS.repositoryModelLoad, "load"),
  steering(METHOD_PATHS.repositoryModelUnload, "unload"),
  guarded(METHOD_PATHS.modelInfer, "infer", {
    decode: readModelRef,
    modelOf: (ref) => ref.name,
    answer: (context, ref, { wire, deadlineEpochMs, waiter }, principal) =>
      context.pipeline.infer({
        principal,
        ref,
        wire,
        codec: grpcInferCodec,
        protocol: "grpc",
        deadlineEpochMs,
        observer: null,
        waiter,
        isQuotaTaken: false,
      }),
  }),
];

/** A method that is open to everyone. */
function probe(
  path: string,
  answer: (context: ServingContext, wire: Uint8Array) => Uint8Array,
): GrpcMethod {
  return { path, action: "probe", run: (context, call) => answer(context, call.wire) };
}

interface GuardedParts<Request> {
  decode(wire: Uint8Array): Request;
  /** null where no one model is concerned. */
  modelOf(request: Request): string | null;
  answer(
    context: ServingContext,
    request: Request,
    call: GrpcCall,
    principal: Principal,
  ): Uint8Array | Promise<Uint8Array>;
}

/** The one place of this transport that authorises. */
function guarded<Request>(
  path: string,
  action: Exclude<Action, "probe">,
  parts: GuardedParts<Request>,
): GrpcMethod {
  return {
    path,
    action,
    run: (context, call) => {
      const { principal } = call;
      if (principal === null) throw new Error(`${path} was reached without authentication`);
      const request = parts.decode(call.wire);
      context.gatekeeper.authorise(principal, action, parts.modelOf(request));
      return parts.answer(context, request, call, principal);
    },
  };
}

function decodeNamedModel(wire: Uint8Array): ModelRef {
  const ref = decodeModelRef(wire);
  assertModelName(ref.name);
  return ref;
}

/** The same as POST /v2/repository/models/{m}/load and unload. */
function steering(path: string, verb: "load" | "unload"): GrpcMethod {
  return guarded(path, "admin", {
    decode: decodeNamedSteer,
    modelOf: ({ modelName }) => modelName,
    answer: async (context, { repositoryName, modelName, parameterNames }, _call, principal) => {
      assertOneRepository(repositoryName);
      assertSteerParameters(parameterNames);
      await context.steer(verb, modelName, principal);
      return EMPTY_MESSAGE;
    },
  });
}

function decodeNamedSteer(wire: Uint8Array): SteerMessage {
  const message = decodeSteer(wire);
  assertModelName(message.modelName);
  return message;
}

function answerIndex(
  context: ServingContext,
  query: RepositoryIndexQuery,
  _call: GrpcCall,
  principal: Principal,
): Uint8Array {
  assertOneRepository(query.repositoryName);
  return encodeIndex(repositoryIndex(context.pipeline.serving, principal, query.isReadyOnly));
}

function assertOneRepository(name: string): void {
  if (name === "") return;
  throw new InferError(
    "unsupported",
    `this server has one repository, expected an empty repository_name, got '${name.slice(0, 128)}'`,
  );
}

/** The health protocol asks for NOT_FOUND, which this project's table has under model-not-found. */
function assertKnownService(service: string): void {
  if (service === "" || service === INFERENCE_SERVICE) return;
  throw new InferError(
    "model-not-found",
    `no service is named '${service.slice(0, 128)}'; expected '' or '${INFERENCE_SERVICE}'`,
  );
}
