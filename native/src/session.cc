#include "session.h"

#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>

#include "element_type.h"
#include "engine.h"
#include "session_registry.h"

namespace sluice {
namespace {

#ifdef __linux__
constexpr int kLowNiceness = 10;
#endif

// The allocator keeps what was freed otherwise, which for a model is as much as its weights. It holds
// the lock of one arena after the other while it looks through them, and whoever serves from that arena
// waits: not at low priority, where it could be held for as long as others keep the cores busy.
void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

// Runs `act` where it gives way to those who serve, and waits for it. On a thread of its own: on Linux
// a niceness is a thread's, what it starts inherits it, and neither could go back without a privilege.
// So only for what computes long and holds no lock of ours: a lock of the allocator is held for one
// call at most. Elsewhere than on Linux, or without a thread, at the caller's priority.
template <typename Act>
void at_low_priority(Act act) {
#ifdef __linux__
  try {
    std::thread([&act] {
      setpriority(PRIO_PROCESS, 0, kLowNiceness);
      act();
    }).join();
    return;
  } catch (const std::system_error&) {
    // The system has no thread for us.
  }
#endif
  act();
}

}  // namespace

Session::Session(SessionOptions options)
    : options_(std::move(options)), engine_(std::make_unique<Engine>(*this)) {}

// REQUIRES: stopped and drained, or never loaded.
Session::~Session() = default;

Failure Session::make_options(OrtEnv** env, bool* is_low_priority) {
  const OrtFunctions& api = ort();
  if (Failure failure = runtime_env(options_.intra_op_threads, env)) return failure;
  end_all_sessions_at_exit();
  OrtSessionOptions* raw = nullptr;
  if (Failure failure = Failure::of(api.CreateSessionOptions(&raw))) return failure;
  const std::lock_guard lock(load_mutex_);
  load_options_.reset(raw);
  // One thread needs no pool. Another number than the pool's gets threads of its own: the pool is as
  // large as the first session asked.
  const bool is_sharing =
      options_.intra_op_threads > 1 && options_.intra_op_threads == shared_pool_threads();
  *is_low_priority = is_sharing || options_.intra_op_threads == 1;
  for (OrtStatus* const status : {
           api.SetSessionLogSeverityLevel(raw, kOrtLogFatal),
           api.SetSessionGraphOptimizationLevel(raw, kOrtOptimizeAll),
           api.SetInterOpNumThreads(raw, 1),
           is_sharing ? api.DisablePerSessionThreads(raw)
                      : api.SetIntraOpNumThreads(raw, options_.intra_op_threads),
           // Threads that spin for the next run take the core that serving threads need.
           api.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", "0"),
           api.AddSessionConfigEntry(raw, "session.inter_op.allow_spinning", "0"),
           // Weights beside the arena, which would round them up to a power of two.
           api.AddSessionConfigEntry(raw, "session.use_device_allocator_for_initializers", "1"),
           is_cancelled_ ? api.SessionOptionsSetLoadCancellationFlag(raw, true) : nullptr,
       }) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  return Failure();
}

Failure Session::load() {
  OrtEnv* env = nullptr;
  bool is_low_priority = false;
  if (Failure failure = make_options(&env, &is_low_priority)) return failure;
  OrtSession* graph = nullptr;
  Failure failure;
  const auto create = [&] {
    failure = Failure::of(
        ort().CreateSession(env, options_.model_path.c_str(), load_options_.get(), &graph));
  };
  if (is_low_priority) at_low_priority(create);
  else create();
  graph_.reset(graph);
  {
    const std::lock_guard lock(load_mutex_);
    load_options_.reset();
  }
  give_memory_back();
  if (failure) return failure;
  return read_signature();
}

void Session::cancel_load() {
  const std::lock_guard lock(load_mutex_);
  is_cancelled_ = true;
  if (load_options_ == nullptr) return;
  Failure::of(ort().SessionOptionsSetLoadCancellationFlag(load_options_.get(), true));
}

Failure Session::read_signature() {
  size_t input_count = 0;
  size_t output_count = 0;
  for (OrtStatus* const status : {ort().SessionGetInputCount(graph_.get(), &input_count),
                                  ort().SessionGetOutputCount(graph_.get(), &output_count)}) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  inputs_.resize(input_count);
  outputs_.resize(output_count);
  for (size_t index = 0; index < input_count; index += 1) {
    if (Failure failure = read_facts(true, index, &inputs_[index])) return failure;
    input_names_.push_back(inputs_[index].name.c_str());
  }
  for (size_t index = 0; index < output_count; index += 1) {
    if (Failure failure = read_facts(false, index, &outputs_[index])) return failure;
  }
  return Failure();
}

Failure Session::read_facts(bool is_input, size_t index, TensorFacts* facts) {
  const OrtFunctions& api = ort();
  char* name = nullptr;
  OrtTypeInfo* raw = nullptr;
  int kind = 0;
  const auto get_name = is_input ? api.SessionGetInputName : api.SessionGetOutputName;
  const auto get_type = is_input ? api.SessionGetInputTypeInfo : api.SessionGetOutputTypeInfo;
  if (Failure failure =
          Failure::of(get_name(graph_.get(), index, default_allocator(), &name))) {
    return failure;
  }
  facts->name = name;
  Failure::of(api.AllocatorFree(default_allocator(), name));
  if (Failure failure = Failure::of(get_type(graph_.get(), index, &raw))) return failure;
  const OrtOwned<OrtTypeInfo> type(raw);
  if (Failure failure = Failure::of(api.GetOnnxTypeFromTypeInfo(raw, &kind))) return failure;
  if (kind != kOrtTypeTensor) return Failure();
  const OrtTensorTypeAndShapeInfo* info = nullptr;  // part of `type`
  size_t rank = 0;
  if (Failure failure = Failure::of(api.CastTypeInfoToTensorInfo(raw, &info))) return failure;
  for (OrtStatus* const status : {api.GetTensorElementType(info, &facts->element_type),
                                  api.GetDimensionsCount(info, &rank)}) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  if (element_facts(facts->element_type) == nullptr) facts->element_type = kNotCarried;
  facts->shape.resize(rank);
  return Failure::of(api.GetDimensions(info, facts->shape.data(), rank));
}

bool Session::enter() {
  runs_.fetch_add(1);
  if (!is_closed_.load()) return true;
  leave();
  return false;
}

void Session::leave() {
  runs_.fetch_sub(1);
  if (!is_closed_.load()) return;
  const std::lock_guard lock(drained_mutex_);
  drained_.notify_all();
}

void Session::add_slot(RunSlot* slot) {
  const std::lock_guard lock(slots_mutex_);
  slots_.push_back(slot);
}

void Session::remove_slot(RunSlot* slot) {
  const std::lock_guard lock(slots_mutex_);
  slots_.erase(std::remove(slots_.begin(), slots_.end(), slot), slots_.end());
}

bool Session::stop() {
  if (is_closed_.exchange(true)) return false;
  engine_->stop();
  return true;
}

bool Session::drain(int64_t grace_us, int64_t most_us) {
  return wait_until(0, grace_us, most_us);
}

bool Session::wait_until(int runs, int64_t grace_us, int64_t most_us) {
  const int64_t started_us = now_us();
  std::unique_lock lock(drained_mutex_);
  while (runs_.load() > runs) {
    const int64_t waited_us = now_us() - started_us;
    if (waited_us >= most_us) return false;
    if (waited_us < grace_us) {
      const int64_t left_us = std::min(grace_us - waited_us, INT64_C(3'600'000'000));
      drained_.wait_for(lock, std::chrono::microseconds(left_us));
      continue;
    }
    // Again and again: a run may have entered without having begun when it was told before.
    each_slot([](RunSlot& slot) { slot.terminate(RunEnd::kClosed); });
    drained_.wait_for(lock, std::chrono::microseconds(kTellAgainUs));
  }
  return true;
}

void Session::close(int64_t grace_us) {
  // Counts as a run of its own: the process must not end while the runtime frees the graph.
  runs_.fetch_add(1);
  wait_until(1, grace_us, kNeverUs);
  engine_->join();
  at_low_priority([this] { graph_.reset(); });
  give_memory_back();
  leave();
}

}  // namespace sluice
