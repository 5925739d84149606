#include "answer_jobs.h"

#include <algorithm>
#include <utility>

#include "clock.h"

namespace sluice {

void send_answers(Jobs jobs) {
  // Those of one line stand together, so that each outbox is woken once.
  std::stable_sort(jobs.begin(), jobs.end(), [](const auto& one, const auto& other) {
    return one->line->outbox.get() < other->line->outbox.get();
  });
  Jobs together;
  for (auto& job : jobs) {
    if (!together.empty() && together[0]->line->outbox != job->line->outbox) {
      const std::shared_ptr<Outbox> outbox = together[0]->line->outbox;
      outbox->send(std::move(together));
      together = Jobs();
    }
    together.push_back(std::move(job));
  }
  if (together.empty()) return;
  const std::shared_ptr<Outbox> outbox = together[0]->line->outbox;
  outbox->send(std::move(together));
}

void answer_unrun(Jobs jobs, JobStatus status, const char* message) {
  const int64_t now = now_us();
  for (auto& job : jobs) {
    job->status = status;
    job->message = message;
    job->queue_us = now - job->arrival_us;
  }
  send_answers(std::move(jobs));
}

}  // namespace sluice
