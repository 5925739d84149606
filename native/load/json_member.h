// Looks one member of a JSON object up without reading the rest of it.
#pragma once

#include <string_view>

namespace sluice::load {

// Members of what lies inside do not count. Text that is no JSON gives anything or nothing; no more of
// it is looked at than there is. Names that are written with escapes are not found.
// @returns the text from where the value begins; empty where there is no such member
std::string_view find_member(std::string_view json, std::string_view name);

// @returns the text of the member where it is a string, escapes as they are; else empty
std::string_view find_string_member(std::string_view json, std::string_view name);

}  // namespace sluice::load
