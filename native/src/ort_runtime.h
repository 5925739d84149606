// The loaded library and the one environment of the process. Made once, never freed: threads may be
// in it while the process ends.
#pragma once

#include <memory>
#include <string>

#include "ort_api.h"

namespace sluice {

// A status as words; empty when all is well. Frees the status.
class Failure {
 public:
  Failure() = default;
  explicit Failure(std::string message) : message_(std::move(message)) {}
  static Failure of(OrtStatus* status);

  explicit operator bool() const { return !message_.empty(); }
  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

struct OrtRelease {
  void operator()(OrtSession* session) const;
  void operator()(OrtSessionOptions* options) const;
  void operator()(OrtRunOptions* options) const;
  void operator()(OrtValue* value) const;
  void operator()(OrtTypeInfo* info) const;
  void operator()(OrtTensorTypeAndShapeInfo* info) const;
  void operator()(OrtThreadingOptions* options) const;
};

template <typename T>
using OrtOwned = std::unique_ptr<T, OrtRelease>;

// Any thread. REQUIRES: load_runtime has succeeded in this process.
const OrtFunctions& ort();
const std::string& runtime_version();
OrtMemoryInfo* cpu_memory();
OrtAllocator* default_allocator();

// Loads the library and takes its functions; once a process, later calls only compare.
Failure load_runtime(const std::string& library_path);

// The process's environment; the first call makes it, and sizes the pool that sessions share.
// @param env set unless there is a failure
Failure runtime_env(int intra_op_threads, OrtEnv** env);
// Threads of the pool that sessions share, callers included; 0: there is none (see the .cc).
int shared_pool_threads();

}  // namespace sluice
