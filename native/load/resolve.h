// Finds where a server listens.
#pragma once

#include <string>

#include "lane.h"

namespace sluice::load {

// Of the addresses that the plan's host has, the first that takes a connection within the plan's
// timeout (which is closed again); else the first. Blocks.
// @returns what is wrong; empty when `address` is filled in
std::string resolve(const LoadPlan& plan, Address* address);

}  // namespace sluice::load
