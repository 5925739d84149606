#include "environment.h"

#include <algorithm>

#include "line.h"
#include "napi_call.h"
#include "session.h"

namespace sluice {
std::shared_ptr<Environment> Environment::make(napi_env env) {
  const std::shared_ptr<Environment> made(new Environment(env));
  check(napi_create_threadsafe_function(env, nullptr, nullptr, make_string(env, "sluice"), 0, 1,
                                        nullptr, nullptr, made.get(), on_wake, &made->function_));
  check(napi_unref_threadsafe_function(env, made->function_));
  made->self_ = made;
  // Later than the function's own hook, and so called before it.
  check(napi_add_env_cleanup_hook(env, on_end, made.get()));
  return made;
}

void Environment::send(std::vector<std::unique_ptr<Job>> jobs) {
  const std::lock_guard lock(mutex_);
  if (function_ == nullptr) return;
  for (auto& job : jobs) jobs_.push_back(std::move(job));
  wake_locked();
}

void Environment::post(std::function<void(napi_env)> task) {
  const std::lock_guard lock(mutex_);
  if (function_ == nullptr) return;
  tasks_.push_back(std::move(task));
  wake_locked();
}

void Environment::wake_locked() {
  if (is_woken_) return;
  is_woken_ = true;
  // Never blocks: the queue has no limit, and at most one wake is in it.
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Environment::on_wake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment ends; `end` frees what is left
  static_cast<Environment*>(context)->deliver();
}

void Environment::deliver() {
  const std::shared_ptr<Environment> alive = self_;
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<std::function<void(napi_env)>> tasks;
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = false;
    jobs.swap(jobs_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) {
    guarded(env_, [&] {
      const HandleScope scope(env_);
      task(env_);
      return nullptr;
    });
  }
  awaited(jobs.size() + tasks.size());
  // Those of one line together: one call for all of them.
  std::stable_sort(jobs.begin(), jobs.end(), [](const auto& one, const auto& other) {
    return one->line.get() < other->line.get();
  });
  for (auto first = jobs.begin(); first != jobs.end();) {
    const std::shared_ptr<LineLink> link = (*first)->line;
    const auto last = std::find_if(first, jobs.end(),
                                   [&link](const auto& job) { return job->line != link; });
    guarded(env_, [&] {
      deliver_answers(env_, *link, first, last);
      return nullptr;
    });
    first = last;
  }
}

void Environment::remove_line(Line* line) {
  lines_.erase(std::remove(lines_.begin(), lines_.end(), line), lines_.end());
}

void Environment::add_draining(std::shared_ptr<LineLink> link, std::shared_ptr<Session> session) {
  std::erase_if(draining_, [](const auto& known) { return known.first->wait_idle(0); });
  if (!link->wait_idle(0)) draining_.emplace_back(std::move(link), std::move(session));
}

void Environment::remove_load(const std::shared_ptr<Session>& session) {
  std::erase(loads_, session);
}

void Environment::await_one() {
  awaited_ += 1;
  if (awaited_ == 1) napi_ref_threadsafe_function(env_, function_);
}

void Environment::awaited(size_t count) {
  awaited_ -= count;
  if (awaited_ == 0 && count > 0 && function_ != nullptr) napi_unref_threadsafe_function(env_, function_);
}

void Environment::on_end(void* self) { static_cast<Environment*>(self)->end(); }

// The memory that runs read belongs to the environment: none may be under way after this. Nor a load:
// when the process ends, its threads with JavaScript are ended first, and the library after them.
void Environment::end() {
  const std::shared_ptr<Environment> alive = std::move(self_);
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<std::function<void(napi_env)>> tasks;
  napi_threadsafe_function function = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::swap(function, function_);
    jobs.swap(jobs_);
    tasks.swap(tasks_);
  }
  for (const auto& session : loads_) {
    session->cancel_load();
    session->stop();
    session->drain(0);
  }
  const std::vector<Line*> lines = lines_;
  for (Line* const line : lines) line->close(env_);
  for (const auto& [link, session] : draining_) {
    do {
      session->each_slot([&link](RunSlot& slot) { slot.terminate_reader(link.get()); });
    } while (!link->wait_idle(kTellAgainUs));
  }
  napi_release_threadsafe_function(function, napi_tsfn_abort);
}

}  // namespace sluice
