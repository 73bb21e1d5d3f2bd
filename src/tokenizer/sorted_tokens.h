/// tokenizer/sorted_tokens.h - a vocabulary in the order of its bytes, so that what tokens begin with alike
/// is looked at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rouse {

class SortedTokens {
 public:
  struct Entry {
    int token;
    uint32_t n_shared;  ///< bytes in common with the entry before
    std::string bytes;  ///< never empty
  };
  /// pieces: the bytes of each token; empty: left out.
  explicit SortedTokens(std::vector<std::string> pieces);

  /// Marks in `allowed` the tokens all of whose bytes can be read one after the other.
  /// next(state, byte) -> the state after it, or below 0 where it cannot come.
  template <class Next>
  void mark(int state, Next&& next, std::vector<bool>& allowed) const {
    std::vector<int> path{state};  // after 0, 1, ... bytes of the token last read from
    for (const Entry& entry : entries_) {
      if (entry.n_shared >= path.size()) continue;  // shares the byte at which that one failed
      path.resize(entry.n_shared + 1);
      bool read = true;
      for (size_t i = entry.n_shared; i < entry.bytes.size() && read; ++i) {
        const int after = next(path.back(), static_cast<uint8_t>(entry.bytes[i]));
        read = after >= 0;
        if (read) path.push_back(after);
      }
      if (read) allowed[static_cast<size_t>(entry.token)] = true;
    }
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace rouse
