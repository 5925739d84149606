#include "ort_runtime.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <mutex>

namespace sluice {
namespace {

struct Runtime {
  std::mutex mutex;
  void* library = nullptr;
  OrtFunctions functions;
  std::string version;
  OrtEnv* env = nullptr;
  int pool_threads = 0;
  OrtMemoryInfo* memory = nullptr;
  OrtAllocator* allocator = nullptr;
};

Runtime& runtime() {
  static Runtime* const made = new Runtime();
  return *made;
}

// The official library sends telemetry, on a thread that outlives its own tables when the process ends,
// unless this is set before it is loaded. The server's main sets it, so that no thread changes the
// environment here while another reads it.
void disable_telemetry() {
  constexpr const char* kVariable = "ORT_DISABLE_TELEMETRY";
  if (getenv(kVariable) == nullptr) setenv(kVariable, "1", 1);
}

// An addon is unloaded when the last environment that asked for it ends, while our threads live on.
void keep_this_addon_loaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&keep_this_addon_loaded), &info) == 0) return;
  dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

Failure take_functions(Runtime& made, void* library, const std::string& path) {
  void* const symbol = dlsym(library, "OrtGetApiBase");
  if (symbol == nullptr) return Failure("expected ONNX Runtime's library at " + path);
  const auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(symbol);
  const OrtApiBase* const base = get_base();
  const void* const* const table = base->GetApi(kOrtApiVersion);
  if (table == nullptr) {
    return Failure("expected ONNX Runtime with C API version " + std::to_string(kOrtApiVersion) +
                   ", this is " + base->GetVersionString());
  }
  made.functions.take(table);
  made.version = base->GetVersionString();
  const OrtFunctions& api = made.functions;
  made.library = library;
  if (Failure failure = Failure::of(
          api.CreateCpuMemoryInfo(kOrtArenaAllocator, kOrtMemTypeDefault, &made.memory))) {
    return failure;
  }
  return Failure::of(api.GetAllocatorWithDefaultOptions(&made.allocator));
}

Failure make_pool_env(const OrtFunctions& api, int threads, OrtEnv** env) {
  OrtThreadingOptions* raw = nullptr;
  if (Failure failure = Failure::of(api.CreateThreadingOptions(&raw))) return failure;
  const OrtOwned<OrtThreadingOptions> options(raw);
  for (OrtStatus* const status : {
           api.SetGlobalIntraOpNumThreads(raw, threads),
           api.SetGlobalInterOpNumThreads(raw, 1),
           api.SetGlobalSpinControl(raw, 0),
       }) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  return Failure::of(api.CreateEnvWithGlobalThreadPools(kOrtLogFatal, "sluice", raw, env));
}

// y = x, FP32 [1], as an ONNX file.
constexpr unsigned char kIdentityModel[] = {
    0x08, 0x08, 0x42, 0x02, 0x10, 0x0d, 0x3a, 0x37, 0x0a, 0x10, 0x0a, 0x01, 'x',  0x12, 0x01,
    'y',  0x22, 0x08, 'I',  'd',  'e',  'n',  't',  'i',  't',  'y',  0x12, 0x01, 'g',  0x5a,
    0x0f, 0x0a, 0x01, 'x',  0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01, 0x12, 0x04, 0x0a, 0x02, 0x08,
    0x01, 0x62, 0x0f, 0x0a, 0x01, 'y',  0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01, 0x12, 0x04, 0x0a,
    0x02, 0x08, 0x01};

// There is one environment in a process, whoever asks first makes it (onnxruntime-node may), and who
// asks later gets it without being told that its thread pools were ignored. So a session is tried. It
// also makes the library build the tables that it keeps, before exit handlers are registered.
Failure try_session(const OrtFunctions& api, const OrtEnv* env, bool is_sharing) {
  OrtSessionOptions* raw = nullptr;
  if (Failure failure = Failure::of(api.CreateSessionOptions(&raw))) return failure;
  const OrtOwned<OrtSessionOptions> options(raw);
  for (OrtStatus* const status :
       {api.SetSessionLogSeverityLevel(raw, kOrtLogFatal), api.SetInterOpNumThreads(raw, 1),
        is_sharing ? api.DisablePerSessionThreads(raw) : api.SetIntraOpNumThreads(raw, 1)}) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  OrtSession* session = nullptr;
  Failure failure = Failure::of(
      api.CreateSessionFromArray(env, kIdentityModel, sizeof(kIdentityModel), raw, &session));
  const OrtOwned<OrtSession> opened(session);
  return failure;
}

}  // namespace

Failure Failure::of(OrtStatus* status) {
  if (status == nullptr) return Failure();
  std::string message = ort().GetErrorMessage(status);
  ort().ReleaseStatus(status);
  return Failure(message.empty() ? "the runtime failed and gave no reason" : std::move(message));
}

void OrtRelease::operator()(OrtSession* session) const { ort().ReleaseSession(session); }
void OrtRelease::operator()(OrtSessionOptions* options) const {
  ort().ReleaseSessionOptions(options);
}
void OrtRelease::operator()(OrtRunOptions* options) const { ort().ReleaseRunOptions(options); }
void OrtRelease::operator()(OrtValue* value) const { ort().ReleaseValue(value); }
void OrtRelease::operator()(OrtTypeInfo* info) const { ort().ReleaseTypeInfo(info); }
void OrtRelease::operator()(OrtTensorTypeAndShapeInfo* info) const {
  ort().ReleaseTensorTypeAndShapeInfo(info);
}
void OrtRelease::operator()(OrtThreadingOptions* options) const {
  ort().ReleaseThreadingOptions(options);
}

const OrtFunctions& ort() { return runtime().functions; }
const std::string& runtime_version() { return runtime().version; }
OrtMemoryInfo* cpu_memory() { return runtime().memory; }
OrtAllocator* default_allocator() { return runtime().allocator; }
int shared_pool_threads() { return runtime().pool_threads; }

Failure load_runtime(const std::string& library_path) {
  Runtime& made = runtime();
  const std::lock_guard lock(made.mutex);
  disable_telemetry();
  // The same file gives the same library, whoever loaded it first (onnxruntime-node may have).
  void* const library = dlopen(library_path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Failure(dlerror());
  if (made.library == nullptr) {
    keep_this_addon_loaded();
    return take_functions(made, library, library_path);
  }
  const bool is_same = library == made.library;
  dlclose(library);
  if (is_same) return Failure();
  return Failure("another ONNX Runtime (" + made.version + ") is loaded already, not " +
                 library_path);
}

Failure runtime_env(int intra_op_threads, OrtEnv** env) {
  Runtime& made = runtime();
  const std::lock_guard lock(made.mutex);
  if (made.env == nullptr) {
    if (Failure failure = make_pool_env(made.functions, intra_op_threads, &made.env)) {
      return failure;
    }
    if (Failure failure = Failure::of(made.functions.DisableTelemetryEvents(made.env))) {
      return failure;
    }
    if (!try_session(made.functions, made.env, true)) {
      made.pool_threads = intra_op_threads;
    } else if (Failure failure = try_session(made.functions, made.env, false)) {
      return failure;
    }
  }
  *env = made.env;
  return Failure();
}

}  // namespace sluice
