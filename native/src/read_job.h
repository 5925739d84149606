#pragma once

#include <node_api.h>

#include <memory>

#include "job.h"
#include "session.h"

namespace sluice {

// kNeverUs for a century or more. Throws ArgumentError where it is no number.
int64_t deadline_after(int64_t arrival_us, double timeout_ms);

// The arguments of `submit` as a job. Small inputs are copied, large ones pinned where they lie.
// Throws as the functions of read_arguments.h do.
std::unique_ptr<Job> read_job(napi_env env, const Session& session, napi_value id,
                              napi_value inputs, napi_value shapes, napi_value outputs,
                              napi_value timeout_ms, napi_value priority);
// On the line's own thread, once no run reads the job's memory.
void unpin(napi_env env, Job& job);

}  // namespace sluice
