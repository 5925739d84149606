/** Names of the gRPC methods that Sluice knows (inference.proto, health.proto). */

export const INFERENCE_SERVICE = "inference.GRPCInferenceService";
export const HEALTH_SERVICE = "grpc.health.v1.Health";

/** Paths of the methods that are served. */
export const METHOD_PATHS = {
  serverLive: `/${INFERENCE_SERVICE}/ServerLive`,
  serverReady: `/${INFERENCE_SERVICE}/ServerReady`,
  modelReady: `/${INFERENCE_SERVICE}/ModelReady`,
  serverMetadata: `/${INFERENCE_SERVICE}/ServerMetadata`,
  modelMetadata: `/${INFERENCE_SERVICE}/ModelMetadata`,
  modelInfer: `/${INFERENCE_SERVICE}/ModelInfer`,
  repositoryIndex: `/${INFERENCE_SERVICE}/RepositoryIndex`,
  repositoryModelLoad: `/${INFERENCE_SERVICE}/RepositoryModelLoad`,
  repositoryModelUnload: `/${INFERENCE_SERVICE}/RepositoryModelUnload`,
  healthCheck: `/${HEALTH_SERVICE}/Check`,
} as const;

/** Methods that exist in Triton's service or in the health protocol and that are not offered. */
export const PATHS_NOT_OFFERED: readonly string[] = [
  ...[
    "ModelStreamInfer",
    "ModelConfig",
    "ModelStatistics",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
  ].map((name) => `/${INFERENCE_SERVICE}/${name}`),
  `/${HEALTH_SERVICE}/Watch`,
];

/** Metadata keys of errors and requests, beside the standard ones of gRPC. */
export const CODE_TRAILER = "sluice-code";
/** gRFC A6: when a client may retry, in milliseconds. */
export const PUSHBACK_TRAILER = "grpc-retry-pushback-ms";
export const REQUEST_ID_KEY = "x-request-id";
