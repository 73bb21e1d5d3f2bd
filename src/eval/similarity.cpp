#include "eval/similarity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/unicode.h"

namespace rouse {

using Words = std::vector<std::u32string>;

/// One pass from the left over neighbours that are `first` and `second`, as a regular expression replaces
/// them: "ab" becomes "a b ", or " a b" where the mark is the first.
template <class First, class Second>
static std::u32string apart(std::u32string_view text, First first, Second second, bool mark_first) {
  std::u32string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool pair = i + 1 < text.size() && first(text[i]) && second(text[i + 1]);
    if (pair && mark_first) out += ' ';
    out += text[i];
    if (!pair) continue;
    out += ' ';
    out += text[++i];
    if (!mark_first) out += ' ';
  }
  return out;
}

/// mteval-v14's international tokenizer, as sacrebleu has it: "2020." at the end of a text stays one token.
static Words intl_words(const std::string& text) {
  const auto no_number = [](char32_t c) { return !is_number(c); };
  const std::u32string whole = code_points(text);
  const std::u32string before = apart(strip_right(whole), no_number, is_punctuation, false);
  std::u32string out;
  for (const char32_t c : apart(before, is_punctuation, no_number, true))
    out += is_symbol(c) ? std::u32string{U' ', c, U' '} : std::u32string{c};
  return split_words(out);
}

static Words rouge_words(const std::string& text) {
  std::u32string plain = lower_case(code_points(text));
  for (char32_t& c : plain)
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) c = ' ';
  return split_words(plain);
}

static std::map<Words, int> ngrams(const Words& words, size_t n) {
  std::map<Words, int> out;
  for (size_t i = 0; i + n <= words.size(); ++i)
    ++out[Words(words.begin() + static_cast<std::ptrdiff_t>(i),
                words.begin() + static_cast<std::ptrdiff_t>(i + n))];
  return out;
}

double bleu(const std::string& text, const std::string& reference) {
  constexpr size_t kOrders = 4;
  const Words a = intl_words(text), b = intl_words(reference);
  if (a.size() < kOrders) return 0;
  double log_sum = 0, smooth = 1;
  for (size_t n = 1; n <= kOrders; ++n) {
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
  }
  const double brevity =
      a.size() < b.size() ? std::exp(1 - static_cast<double>(b.size()) / static_cast<double>(a.size())) : 1;
  return 100 * brevity * std::exp(log_sum / kOrders);
}

double rouge_l(const std::string& text, const std::string& reference) {
  const Words a = rouge_words(text), b = rouge_words(reference);
  std::vector<int> row(b.size() + 1), next(b.size() + 1);
  for (const std::u32string& word : a) {
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
