// The part of ONNX Runtime's C API that is used here: `OrtApi` is a table of function pointers that
// only grows at its end, so a function's position never changes. Positions were counted in the public
// header (include/onnxruntime/core/session/onnxruntime_c_api.h, struct OrtApi).
#pragma once

#include <cstddef>
#include <cstdint>

struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtValue;
struct OrtMemoryInfo;
struct OrtAllocator;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtThreadingOptions;

namespace sluice {

// Has every function below. A library without it is refused.
inline constexpr uint32_t kOrtApiVersion = 22;

struct OrtApiBase {
  const void* const* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

inline constexpr int kOrtLogFatal = 4;       // OrtLoggingLevel
inline constexpr int kOrtOptimizeAll = 99;   // GraphOptimizationLevel
inline constexpr int kOrtTypeTensor = 1;     // ONNXType
inline constexpr int kOrtArenaAllocator = 1; // OrtAllocatorType
inline constexpr int kOrtMemTypeDefault = 0; // OrtMemType

// name, position, parameters. All of these return null or a status that the caller releases.
#define SLUICE_ORT_CALLS(X)                                                                        \
  X(CreateEnv, 3, int level, const char* log_id, OrtEnv** out)                                     \
  X(DisableTelemetryEvents, 6, const OrtEnv* env)                                                  \
  X(CreateSession, 7, const OrtEnv* env, const char* path, const OrtSessionOptions* options,       \
    OrtSession** out)                                                                              \
  X(CreateSessionFromArray, 8, const OrtEnv* env, const void* data, size_t length,                 \
    const OrtSessionOptions* options, OrtSession** out)                                            \
  X(Run, 9, OrtSession* session, const OrtRunOptions* options, const char* const* input_names,     \
    const OrtValue* const* inputs, size_t input_count, const char* const* output_names,            \
    size_t output_count, OrtValue** outputs)                                                       \
  X(CreateSessionOptions, 10, OrtSessionOptions** out)                                             \
  X(SetSessionLogSeverityLevel, 22, OrtSessionOptions* options, int level)                         \
  X(SetSessionGraphOptimizationLevel, 23, OrtSessionOptions* options, int level)                   \
  X(SetIntraOpNumThreads, 24, OrtSessionOptions* options, int threads)                             \
  X(SetInterOpNumThreads, 25, OrtSessionOptions* options, int threads)                             \
  X(SessionGetInputCount, 30, const OrtSession* session, size_t* out)                              \
  X(SessionGetOutputCount, 31, const OrtSession* session, size_t* out)                             \
  X(SessionGetInputTypeInfo, 33, const OrtSession* session, size_t index, OrtTypeInfo** out)       \
  X(SessionGetOutputTypeInfo, 34, const OrtSession* session, size_t index, OrtTypeInfo** out)      \
  X(SessionGetInputName, 36, const OrtSession* session, size_t index, OrtAllocator* allocator,     \
    char** out)                                                                                    \
  X(SessionGetOutputName, 37, const OrtSession* session, size_t index, OrtAllocator* allocator,    \
    char** out)                                                                                    \
  X(CreateRunOptions, 39, OrtRunOptions** out)                                                     \
  X(RunOptionsSetTerminate, 46, OrtRunOptions* options)                                            \
  X(RunOptionsUnsetTerminate, 47, OrtRunOptions* options)                                          \
  X(CreateTensorAsOrtValue, 48, OrtAllocator* allocator, const int64_t* shape, size_t rank,        \
    int element_type, OrtValue** out)                                                              \
  X(CreateTensorWithDataAsOrtValue, 49, const OrtMemoryInfo* info, void* data, size_t bytes,       \
    const int64_t* shape, size_t rank, int element_type, OrtValue** out)                           \
  X(IsTensor, 50, const OrtValue* value, int* out)                                                 \
  X(GetTensorMutableData, 51, OrtValue* value, void** out)                                         \
  X(GetStringTensorDataLength, 53, const OrtValue* value, size_t* bytes)                           \
  X(GetStringTensorContent, 54, const OrtValue* value, void* content, size_t bytes,                \
    size_t* offsets, size_t count)                                                                 \
  X(CastTypeInfoToTensorInfo, 55, const OrtTypeInfo* info, const OrtTensorTypeAndShapeInfo** out)  \
  X(GetOnnxTypeFromTypeInfo, 56, const OrtTypeInfo* info, int* out)                                \
  X(GetTensorElementType, 60, const OrtTensorTypeAndShapeInfo* info, int* out)                     \
  X(GetDimensionsCount, 61, const OrtTensorTypeAndShapeInfo* info, size_t* out)                    \
  X(GetDimensions, 62, const OrtTensorTypeAndShapeInfo* info, int64_t* out, size_t rank)           \
  X(GetTensorTypeAndShape, 65, const OrtValue* value, OrtTensorTypeAndShapeInfo** out)             \
  X(CreateCpuMemoryInfo, 69, int allocator_type, int memory_type, OrtMemoryInfo** out)             \
  X(AllocatorFree, 76, OrtAllocator* allocator, void* memory)                                      \
  X(GetAllocatorWithDefaultOptions, 78, OrtAllocator** out)                                        \
  X(CreateEnvWithGlobalThreadPools, 119, int level, const char* log_id,                            \
    const OrtThreadingOptions* threads, OrtEnv** out)                                              \
  X(DisablePerSessionThreads, 120, OrtSessionOptions* options)                                     \
  X(CreateThreadingOptions, 121, OrtThreadingOptions** out)                                        \
  X(AddSessionConfigEntry, 130, OrtSessionOptions* options, const char* key, const char* value)    \
  X(SetGlobalIntraOpNumThreads, 147, OrtThreadingOptions* options, int threads)                    \
  X(SetGlobalInterOpNumThreads, 148, OrtThreadingOptions* options, int threads)                    \
  X(SetGlobalSpinControl, 149, OrtThreadingOptions* options, int allow_spinning)                   \
  X(GetResizedStringTensorElementBuffer, 252, OrtValue* value, size_t index, size_t bytes,         \
    char** out)                                                                                    \
  X(SessionOptionsSetLoadCancellationFlag, 293, OrtSessionOptions* options, bool cancel)

// name, position, what it frees.
#define SLUICE_ORT_RELEASES(X)                                                                     \
  X(ReleaseStatus, 93, OrtStatus)                                                                  \
  X(ReleaseSession, 95, OrtSession)                                                                \
  X(ReleaseValue, 96, OrtValue)                                                                    \
  X(ReleaseRunOptions, 97, OrtRunOptions)                                                          \
  X(ReleaseTypeInfo, 98, OrtTypeInfo)                                                              \
  X(ReleaseTensorTypeAndShapeInfo, 99, OrtTensorTypeAndShapeInfo)                                  \
  X(ReleaseSessionOptions, 100, OrtSessionOptions)                                                 \
  X(ReleaseThreadingOptions, 122, OrtThreadingOptions)

// The functions, taken from the library's table once.
struct OrtFunctions {
  const char* (*GetErrorMessage)(const OrtStatus* status) = nullptr;
#define SLUICE_MEMBER(name, position, ...) OrtStatus* (*name)(__VA_ARGS__) = nullptr;
  SLUICE_ORT_CALLS(SLUICE_MEMBER)
#undef SLUICE_MEMBER
#define SLUICE_MEMBER(name, position, type) void (*name)(type*) = nullptr;
  SLUICE_ORT_RELEASES(SLUICE_MEMBER)
#undef SLUICE_MEMBER

  void take(const void* const* table) {
    assign(GetErrorMessage, table[2]);
#define SLUICE_TAKE(name, position, ...) assign(name, table[position]);
    SLUICE_ORT_CALLS(SLUICE_TAKE)
    SLUICE_ORT_RELEASES(SLUICE_TAKE)
#undef SLUICE_TAKE
  }

 private:
  template <typename Function>
  static void assign(Function& function, const void* entry) {
    function = reinterpret_cast<Function>(const_cast<void*>(entry));
  }
};

}  // namespace sluice
