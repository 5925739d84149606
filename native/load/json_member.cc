#include "json_member.h"

#include <algorithm>

namespace sluice::load {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

size_t skip_spaces(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(kSpaces, at), text.size());
}

// @param at after the opening quote
// @returns where the closing one is; the size of the text where none is
size_t find_string_end(std::string_view text, size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

}  // namespace

std::string_view find_member(std::string_view json, std::string_view name) {
  int depth = 0;
  for (size_t at = 0; at < json.size(); at += 1) {
    const char c = json[at];
    if (c == '{' || c == '[') depth += 1;
    if (c == '}' || c == ']') depth -= 1;
    if (c != '"') continue;
    const size_t end = find_string_end(json, at + 1);
    const size_t after = skip_spaces(json, end + 1);
    const bool is_name = depth == 1 && after < json.size() && json[after] == ':';
    if (is_name && json.substr(at + 1, end - at - 1) == name) {
      return json.substr(skip_spaces(json, after + 1));
    }
    at = end;
  }
  return {};
}

std::string_view find_string_member(std::string_view json, std::string_view name) {
  const std::string_view value = find_member(json, name);
  if (value.empty() || value.front() != '"') return {};
  return value.substr(1, find_string_end(value, 1) - 1);
}

}  // namespace sluice::load
