// Reads jobs and turns from standard input, and prints what the queue of native/src/job_queue.h does
// with them: the policy without the addon. Compiled and run by native/job-queue.test.ts.
//   job <name> <arrival> <deadline, -1 for none> <rows, 0 for not stackable> <key>
//   urge <priority>, of the jobs from there on
//   learn <key> <rows> <cost>       cost <key> <rows>      run <key> <now>      cheapest
//   turn <now> <most rows>          expired <now>          withdraw <first letter>
//   offer <name> ..., as a job: its predicted wait on one idle thread, and "in" or "overload"
//   batch <letters>                 mixed <letters>
// A batch prints the parts that it is run in, as native/src/batch_parts.h makes them, and how many jobs
// they were: one for each letter, of which the graph refuses the capitals. In a mixed one each of
// several jobs has rows of others.
// A turn prints the jobs that run, then those that are given up as hopeless behind a "/".
// Times are microseconds.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

#include "batch_parts.h"
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

std::unique_ptr<NamedJob> read_job(int64_t priority) {
  auto job = std::make_unique<NamedJob>();
  job->priority = priority;
  int64_t key = 0;
  std::cin >> job->name >> job->arrival_us >> job->deadline_us >> job->rows >> key;
  if (job->deadline_us < 0) job->deadline_us = sluice::kNeverUs;
  job->is_stackable = job->rows > 0;
  job->rows = std::max<int64_t>(job->rows, 1);
  job->key = {key};
  return job;
}

void run_batch(const std::string& letters, bool is_mixed) {
  std::vector<std::unique_ptr<NamedJob>> part;
  for (const char letter : letters) {
    part.push_back(std::make_unique<NamedJob>());
    part.back()->name = std::string(1, letter);
  }
  sluice::BatchParts<NamedJob> parts(part.size());
  size_t answered = 0;
  while (true) {
    const bool is_refused = std::any_of(part.begin(), part.end(), [](const auto& job) {
      return std::isupper(static_cast<unsigned char>(job->name[0])) != 0;
    });
    for (const auto& job : part) std::cout << job->name;
    std::cout << " ";
    if (part.size() > 1 && is_mixed) parts.add_mixed(std::move(part));
    else if (part.size() > 1 && is_refused) parts.add_refused(std::move(part));
    else answered += part.size();
    if (answered + parts.jobs() != letters.size()) std::cout << "miscounted ";
    if (static_cast<int64_t>(parts.jobs()) != parts.rows()) std::cout << "miscounted rows ";
    if (parts.empty()) break;
    part = parts.take();
  }
  std::cout << answered << std::endl;
}

}  // namespace

int main() {
  sluice::JobQueue<NamedJob> queue;
  sluice::CostModel costs;
  std::string verb;
  int64_t one = 0, two = 0, three = 0, priority = sluice::kUsualPriority;
  while (std::cin >> verb) {
    if (verb == "job") {
      queue.add(read_job(priority));
    } else if (verb == "urge") {
      std::cin >> priority;
    } else if (verb == "learn") {
      std::cin >> one >> two >> three;
      costs.learn({one}, two, three);
    } else if (verb == "run") {
      std::cin >> one >> two;
      costs.note_run({one}, two);
    } else if (verb == "offer") {
      auto job = read_job(priority);
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
    } else if (verb == "batch" || verb == "mixed") {
      std::string letters;
      std::cin >> letters;
      run_batch(letters, verb == "mixed");
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
