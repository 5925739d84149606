// Finds where a server listens.
#pragma once

#include <string>

#include "lane.h"

namespace sluice::load {

// Of the addresses that the name has, the first that takes a connection now (which is closed again);
// else the first. Blocks.
// @returns what is wrong; empty when `address` is filled in
std::string resolve(const std::string& host, const std::string& port, Address* address);

}  // namespace sluice::load
