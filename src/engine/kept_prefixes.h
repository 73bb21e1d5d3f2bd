/// engine/kept_prefixes.h - sequences that ended, kept for texts that begin with the same tokens: the turns
/// of a chat, few-shot prompts.
///
/// What is kept counts as free: its cells, and its number, are given back when somebody needs them, those
/// that were not used for longest first. So keeping never makes a text fail or wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/kv_cells.h"

namespace rouse {

/// What the keys and values of a token depend on, beside the tokens before it.
struct PrefixKind {
  std::string policy;        ///< canonical text
  uint64_t policy_hash = 0;  ///< of the files that it names, too
  std::shared_ptr<const HeadShift> shift = nullptr;
  bool operator==(const PrefixKind& o) const;
};

class KeptPrefixes {
 public:
  /// parts: a sequence can begin with a part of another; else what is kept serves texts that go on from all
  /// of it.
  explicit KeptPrefixes(KvCells& cells, bool parts = true);
  KeptPrefixes(const KeptPrefixes&) = delete;
  KeptPrefixes& operator=(const KeptPrefixes&) = delete;

  /// Takes over an open sequence that holds these tokens. One that another kept sequence begins with, or in
  /// which a number was not finite, is closed instead.
  void keep(SeqId seq, PrefixKind kind, std::vector<int> tokens);
  /// A new sequence that shares the longest kept beginning of `tokens`, all but the last at most; -1 where
  /// nothing is shared.
  SeqId begin(const PrefixKind& kind, std::span<const int> tokens);
  void clear();
  size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    SeqId seq;
    PrefixKind kind;
    std::vector<int> tokens;
    uint64_t used;  ///< when
  };
  bool drop_oldest();
  KvCells& cells_;
  bool parts_;
  std::vector<Kept> kept_;
  uint64_t tick_ = 0;
};

}  // namespace rouse
