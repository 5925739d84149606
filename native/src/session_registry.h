// Every open session of the process by its number. Any thread. Never freed: threads may look here
// while the process ends.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "session.h"

namespace sluice {

// No session has a greater number: JavaScript's are exact up to here.
constexpr int64_t kMostId = INT64_C(1) << 53;

// @returns its number, which is never used again
int64_t register_session(std::shared_ptr<Session> session);
// Null for one that is not open.
std::shared_ptr<Session> find_session(int64_t id);
std::shared_ptr<Session> unregister_session(int64_t id);

// A session that is about to load, to be ended with the process. False: the process ends.
bool track_session(const std::shared_ptr<Session>& session);

// Ends what runs and loads, for good. The library destroys what its threads use when the process ends,
// and whatever is still in it then would crash.
// @returns whether nothing is under way any more
bool end_all_sessions();
// Calls it as late as it can be called. The library registers the end of its tables as it makes them,
// and what is registered last is called first. REQUIRES: the runtime's environment is made.
void end_all_sessions_at_exit();

}  // namespace sluice
