#include "tokenizer/sorted_tokens.h"

#include <algorithm>

namespace rouse {

SortedTokens::SortedTokens(std::vector<std::string> pieces) {
  for (size_t i = 0; i < pieces.size(); ++i)
    if (!pieces[i].empty()) entries_.push_back({static_cast<int>(i), 0, std::move(pieces[i])});
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.bytes < b.bytes; });
  for (size_t i = 1; i < entries_.size(); ++i) {
    const std::string &a = entries_[i - 1].bytes, &b = entries_[i].bytes;
    const size_t n = std::min(a.size(), b.size());
    entries_[i].n_shared = static_cast<uint32_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin());
  }
}

}  // namespace rouse
