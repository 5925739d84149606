// Reads jobs and turns from standard input, and prints what the queue of native/src/job_queue.h does
// with them: the policy without the addon. Compiled and run by native/job-queue.test.ts.
//   job <name> <arrival> <deadline, -1 for none> <rows, 0 for not stackable> <key>
//   learn <key> <rows> <cost>       cost <key> <rows>      run <key> <now>      cheapest
//   turn <now> <most rows>          expired <now>          withdraw <first letter>
//   offer <name> ..., as a job: its predicted wait on one idle thread, and "in" or "overload"
// A turn prints the jobs that run, then those that are given up as hopeless behind a "/".
// Times are microseconds.
#include <iostream>
#include <string>

#include "job_queue.h"

namespace {

struct NamedJob : sluice::QueuedJob {
  std::string name;
};

std::string names_of(const std::vector<std::unique_ptr<NamedJob>>& jobs) {
  std::string names;
  for (const auto& job : jobs) names += (names.empty() ? "" : " ") + job->name;
  return names;
}

void take_turn(sluice::JobQueue<NamedJob>& queue, sluice::CostModel& costs, int64_t now,
               int64_t most_rows) {
  std::vector<std::unique_ptr<NamedJob>> hopeless;
  const bool was_empty = queue.empty();
  const auto batch = queue.take_batch(now, most_rows, costs, &hopeless);
  if (!batch.empty()) costs.note_run(batch[0]->key, now);
  std::cout << (was_empty ? "empty" : names_of(batch));
  if (!hopeless.empty()) std::cout << "/" << names_of(hopeless);
  std::cout << std::endl;
}

std::unique_ptr<NamedJob> read_job() {
  auto job = std::make_unique<NamedJob>();
  int64_t key = 0;
  std::cin >> job->name >> job->arrival_us >> job->deadline_us >> job->rows >> key;
  if (job->deadline_us < 0) job->deadline_us = sluice::kNeverUs;
  job->is_stackable = job->rows > 0;
  job->rows = std::max<int64_t>(job->rows, 1);
  job->key = {key};
  return job;
}

}  // namespace

int main() {
  sluice::JobQueue<NamedJob> queue;
  sluice::CostModel costs;
  std::string verb;
  int64_t one = 0, two = 0, three = 0;
  while (std::cin >> verb) {
    if (verb == "job") {
      queue.add(read_job());
    } else if (verb == "learn") {
      std::cin >> one >> two >> three;
      costs.learn({one}, two, three);
    } else if (verb == "run") {
      std::cin >> one >> two;
      costs.note_run({one}, two);
    } else if (verb == "offer") {
      auto job = read_job();
      const int64_t wait_us = queue.work_before_us(*job, costs);
      const bool is_refused =
          sluice::is_overload(*job, wait_us, costs.predict_us(job->key, job->rows));
      std::cout << wait_us << (is_refused ? " overload" : " in") << std::endl;
      if (!is_refused) queue.add(std::move(job));
    } else if (verb == "cost") {
      std::cin >> one >> two;
      std::cout << costs.predict_us({one}, two) << std::endl;
    } else if (verb == "cheapest") {
      std::cout << costs.cheapest_us() << std::endl;
    } else if (verb == "turn") {
      std::cin >> one >> two;
      take_turn(queue, costs, one, two);
    } else if (verb == "expired") {
      std::cin >> one;
      std::cout << names_of(queue.take_expired(one)) << std::endl;
    } else if (verb == "withdraw") {
      std::string name;
      std::cin >> name;
      const auto taken =
          queue.take_if([&](const NamedJob* job) { return job->name[0] == name[0]; });
      std::cout << names_of(taken) << std::endl;
    }
  }
  return 0;
}
