// Reads jobs and turns from standard input, and prints what the queue of native/src/job_queue.h does
// with them: the policy without the addon. Compiled and run by native/job-queue.test.ts.
//   job <name> <arrival> <deadline, -1 for none> <rows, 0 for not stackable> <key>
//   learn <key> <rows> <cost>       cost <key> <rows>
//   turn <now> <most rows>          expired <now>          withdraw <first letter>
// Times are microseconds.
#include <iostream>
#include <string>

#include "job_queue.h"

namespace {

struct NamedJob : sluice::QueuedJob {
  std::string name;
};

void print(const std::vector<std::unique_ptr<NamedJob>>& jobs) {
  for (size_t index = 0; index < jobs.size(); index += 1) {
    std::cout << (index == 0 ? "" : " ") << jobs[index]->name;
  }
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
    } else if (verb == "cost") {
      std::cin >> one >> two;
      std::cout << costs.predict_us({one}, two) << std::endl;
    } else if (verb == "turn") {
      std::cin >> one >> two;
      if (queue.empty()) std::cout << "empty" << std::endl;
      else print(queue.take_batch(one, two, costs));
    } else if (verb == "expired") {
      std::cin >> one;
      print(queue.take_expired(one));
    } else if (verb == "withdraw") {
      std::string name;
      std::cin >> name;
      print(queue.take_if([&](const NamedJob* job) { return job->name[0] == name[0]; }));
    }
  }
  return 0;
}
