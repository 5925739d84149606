// One Node environment (a thread with JavaScript): how others reach it, and how it ends.
#pragma once

#include <node_api.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "job.h"

namespace sluice {

class Line;
class Session;

class Environment final : public Outbox, public std::enable_shared_from_this<Environment> {
 public:
  // On the environment's own thread. Lives until the environment has ended and nobody knows it.
  static std::shared_ptr<Environment> make(napi_env env);

  // Any thread. Each is dropped once the environment has ended.
  void send(std::vector<std::unique_ptr<Job>> jobs) override;
  void post(std::function<void(napi_env)> task);

  // The rest: its own thread only.
  void add_line(Line* line) { lines_.push_back(line); }
  void remove_line(Line* line);
  // A closed line of which runs may still read the memory of this environment.
  void add_draining(std::shared_ptr<LineLink> link, std::shared_ptr<Session> session);
  // A load that was asked here: the environment does not end before it has.
  void add_load(std::shared_ptr<Session> session) { loads_.push_back(std::move(session)); }
  void remove_load(const std::shared_ptr<Session>& session);
  // The event loop lives while something is awaited.
  void await_one();
  void awaited(size_t count);

 private:
  explicit Environment(napi_env env) : env_(env) {}

  static void on_wake(napi_env env, napi_value, void* context, void*);
  static void on_end(void* self);
  void wake_locked();
  void deliver();
  void end();

  const napi_env env_;
  std::vector<Line*> lines_;
  std::vector<std::shared_ptr<Session>> loads_;
  std::vector<std::pair<std::shared_ptr<LineLink>, std::shared_ptr<Session>>> draining_;
  size_t awaited_ = 0;

  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;  // null once the environment ends
  bool is_woken_ = false;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<std::function<void(napi_env)>> tasks_;
  std::shared_ptr<Environment> self_;
};

}  // namespace sluice
