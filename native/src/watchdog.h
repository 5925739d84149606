// Ends runs that nobody waits for any more. One thread a process, which sleeps until a run is due.
#pragma once

#include "run_slot.h"

namespace sluice {

// Any thread. A slot is unwatched before it is freed.
void watch(RunSlot* slot);
void unwatch(RunSlot* slot);
// Tells that a watched slot has a run with this deadline; takes no lock unless it is the next one due.
void expect_by(int64_t deadline_us);

}  // namespace sluice
