#include "engine/kept_prefixes.h"

#include <algorithm>

namespace rouse {

/// More are hardly ever looked at again, and sequences are few.
static constexpr size_t kMost = 64;

bool PrefixKind::operator==(const PrefixKind& o) const {
  const bool same_shift = shift == o.shift || (shift && o.shift && *shift == *o.shift);
  return policy == o.policy && policy_hash == o.policy_hash && same_shift;
}

static size_t common(std::span<const int> a, std::span<const int> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

KeptPrefixes::KeptPrefixes(KvCells& cells, bool parts) : cells_(cells), parts_(parts) {
  cells_.on_need([this] { return drop_oldest(); });
}

bool KeptPrefixes::drop_oldest() {
  if (kept_.empty()) return false;
  const auto oldest = std::ranges::min_element(kept_, {}, &Kept::used);
  cells_.close(oldest->seq);
  kept_.erase(oldest);
  return true;
}

void KeptPrefixes::keep(SeqId seq, PrefixKind kind, std::vector<int> tokens) {
  const int n = cells_.length(seq);
  tokens.resize(static_cast<size_t>(n));
  const auto holds = [&](const Kept& k) {
    return k.kind == kind && common(tokens, k.tokens) == tokens.size();
  };
  if (n == 0 || cells_.spoiled(seq, n) || std::ranges::any_of(kept_, holds)) return cells_.close(seq);
  // What it continues is kept twice otherwise.
  std::erase_if(kept_, [&](const Kept& k) {
    const bool continued = k.kind == kind && common(k.tokens, tokens) == k.tokens.size();
    if (continued) cells_.close(k.seq);
    return continued;
  });
  if (kept_.size() >= kMost) drop_oldest();
  cells_.keep(seq);
  kept_.push_back({seq, std::move(kind), std::move(tokens), ++tick_});
}

SeqId KeptPrefixes::begin(const PrefixKind& kind, std::span<const int> tokens) {
  Kept* best = nullptr;
  size_t n = 0;
  for (Kept& k : kept_)
    if (const size_t shared = k.kind == kind ? common(tokens.first(tokens.size() - 1), k.tokens) : 0;
        shared > n && (parts_ || shared == k.tokens.size()))
      best = &k, n = shared;
  if (!best) return -1;
  best->used = ++tick_;
  return cells_.fork(best->seq, static_cast<int>(n));
}

void KeptPrefixes::clear() {
  while (drop_oldest()) continue;
}

}  // namespace rouse
