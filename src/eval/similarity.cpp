#include "eval/similarity.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <vector>

namespace rouse {

using Words = std::vector<std::string>;

/// Words and, when asked for, single punctuation marks.
static Words words_of(const std::string& text, bool punctuation, bool lower) {
  Words out;
  bool open = false;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) || u >= 0x80) {
      if (!open) out.emplace_back();
      out.back() += lower ? static_cast<char>(std::tolower(u)) : c;
      open = true;
    } else {
      open = false;
      if (punctuation && !std::isspace(u)) out.emplace_back(1, c);
    }
  }
  return out;
}

static std::map<Words, int> ngrams(const Words& words, size_t n) {
  std::map<Words, int> out;
  for (size_t i = 0; i + n <= words.size(); ++i)
    ++out[Words(words.begin() + static_cast<std::ptrdiff_t>(i),
                words.begin() + static_cast<std::ptrdiff_t>(i + n))];
  return out;
}

double bleu(const std::string& text, const std::string& reference) {
  const Words a = words_of(text, true, false), b = words_of(reference, true, false);
  if (a.empty()) return 0;
  double log_sum = 0, smooth = 1;
  size_t orders = 0;
  for (size_t n = 1; n <= 4 && n <= a.size(); ++n) {
    const auto ours = ngrams(a, n), theirs = ngrams(b, n);
    int match = 0;
    for (const auto& [gram, count] : ours) {
      const auto found = theirs.find(gram);
      if (found != theirs.end()) match += std::min(count, found->second);
    }
    const auto total = static_cast<double>(a.size() - n + 1);
    if (match == 0 && n == 1) return 0;
    if (match == 0) smooth *= 2;
    log_sum += std::log(match > 0 ? match / total : 1 / (smooth * total));
    ++orders;
  }
  const double brevity =
      a.size() < b.size() ? std::exp(1 - static_cast<double>(b.size()) / static_cast<double>(a.size())) : 1;
  return 100 * brevity * std::exp(log_sum / static_cast<double>(orders));
}

double rouge_l(const std::string& text, const std::string& reference) {
  const Words a = words_of(text, false, true), b = words_of(reference, false, true);
  std::vector<int> row(b.size() + 1), next(b.size() + 1);
  for (const std::string& word : a) {
    for (size_t j = 0; j < b.size(); ++j)
      next[j + 1] = word == b[j] ? row[j] + 1 : std::max(row[j + 1], next[j]);
    std::swap(row, next);
  }
  const double common = row[b.size()];
  if (common == 0) return 0;
  const double p = common / static_cast<double>(a.size()), r = common / static_cast<double>(b.size());
  return 2 * p * r / (p + r);
}

}  // namespace rouse
