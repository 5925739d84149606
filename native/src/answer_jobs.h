// The way of jobs back to the lines that they came from. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "job.h"

namespace sluice {

using Jobs = std::vector<std::unique_ptr<Job>>;

// Each has its answer. Wakes each outbox once.
void send_answers(Jobs jobs);
// For jobs that no run has answered.
void answer_unrun(Jobs jobs, JobStatus status, const char* message);

}  // namespace sluice
