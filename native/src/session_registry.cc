#include "session_registry.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace sluice {
namespace {

constexpr int64_t kExitPatienceUs = 3'000'000;

struct Registry {
  std::mutex mutex;
  std::unordered_map<int64_t, std::shared_ptr<Session>> open;
  std::vector<std::weak_ptr<Session>> tracked;
  int64_t last_id = 0;
  bool is_ending = false;
};

Registry& registry() {
  static Registry* const made = new Registry();
  return *made;
}

#ifdef __GLIBC__
void on_process_exit(int status, void*) {
  // What cannot be ended is left behind without destructors; they would crash.
  if (!end_all_sessions()) _exit(status);
}
#else
void on_process_exit() { end_all_sessions(); }
#endif

// No session is added to them any more.
std::vector<std::shared_ptr<Session>> take_tracked() {
  Registry& made = registry();
  const std::lock_guard lock(made.mutex);
  made.is_ending = true;
  std::vector<std::shared_ptr<Session>> alive;
  for (const std::weak_ptr<Session>& tracked : made.tracked) {
    if (std::shared_ptr<Session> session = tracked.lock()) alive.push_back(std::move(session));
  }
  return alive;
}

}  // namespace

int64_t register_session(std::shared_ptr<Session> session) {
  Registry& made = registry();
  const std::lock_guard lock(made.mutex);
  made.last_id += 1;
  made.open.emplace(made.last_id, std::move(session));
  return made.last_id;
}

std::shared_ptr<Session> find_session(int64_t id) {
  Registry& made = registry();
  const std::lock_guard lock(made.mutex);
  const auto found = made.open.find(id);
  return found == made.open.end() ? nullptr : found->second;
}

std::shared_ptr<Session> unregister_session(int64_t id) {
  Registry& made = registry();
  const std::lock_guard lock(made.mutex);
  const auto found = made.open.find(id);
  if (found == made.open.end()) return nullptr;
  std::shared_ptr<Session> session = std::move(found->second);
  made.open.erase(found);
  return session;
}

bool track_session(const std::shared_ptr<Session>& session) {
  Registry& made = registry();
  const std::lock_guard lock(made.mutex);
  if (made.is_ending) return false;
  std::erase_if(made.tracked, [](const auto& tracked) { return tracked.expired(); });
  made.tracked.push_back(session);
  return true;
}

bool end_all_sessions() {
  const std::vector<std::shared_ptr<Session>> alive = take_tracked();
  for (const auto& session : alive) {
    session->cancel_load();
    session->stop();
  }
  const int64_t started_us = now_us();
  bool is_quiet = true;
  for (const auto& session : alive) {
    const int64_t left_us = std::max(INT64_C(0), kExitPatienceUs - (now_us() - started_us));
    is_quiet = session->drain(0, left_us) && is_quiet;
  }
  return is_quiet;
}

void end_all_sessions_at_exit() {
  static std::once_flag once;
  std::call_once(once, [] {
#ifdef __GLIBC__
    on_exit(on_process_exit, nullptr);
#else
    atexit(on_process_exit);
#endif
  });
}

}  // namespace sluice
