// Strings of one tensor, in one block: any byte may be in them, NUL too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class PackedStrings {
 public:
  size_t size() const { return ends_.size(); }
  std::string_view at(size_t index) const {
    const size_t start = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(start, ends_[index] - start);
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  // Room for the next string: write `bytes` bytes, after this call and before the next.
  char* append(size_t bytes) {
    const size_t start = bytes_.size();
    bytes_.resize(start + bytes);
    ends_.push_back(bytes_.size());
    return bytes_.data() + start;
  }
  void append(const PackedStrings& other) {
    const size_t start = bytes_.size();
    bytes_ += other.bytes_;
    for (const size_t end : other.ends_) ends_.push_back(start + end);
  }
  // Takes what GetStringTensorContent gave: one block, and where each string starts in it.
  void assign(std::string bytes, std::vector<size_t> starts) {
    bytes_ = std::move(bytes);
    ends_ = std::move(starts);
    if (ends_.empty()) return;
    ends_.erase(ends_.begin());
    ends_.push_back(bytes_.size());
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

}  // namespace sluice
