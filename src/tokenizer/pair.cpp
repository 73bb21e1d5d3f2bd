#include "tokenizer/pair.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace rouse {
namespace {

/// Where str.isspace() holds, in UTF-8.
constexpr std::string_view kSpaces[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",
    "\x1C",         "\x1D",         "\x1E",         "\x1F",         " ",
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

}  // namespace

std::string_view without_trailing_space(std::string_view text) {
  for (;;) {
    const auto at = std::find_if(std::begin(kSpaces), std::end(kSpaces),
                                 [&](std::string_view space) { return text.ends_with(space); });
    if (at == std::end(kSpaces)) return text;
    text.remove_suffix(at->size());
  }
}

static std::vector<int> encode_whole(const Tokenizer& tokenizer, std::vector<TextPart> context,
                                     const std::string& continuation, bool add_special) {
  context.push_back({continuation, false});
  return tokenizer.encode(context, add_special);
}

/// Takes the white space at the end of the parts away and returns it.
static std::string take_trailing_space(std::vector<TextPart>& parts) {
  std::string out;
  while (!parts.empty()) {
    std::string& text = parts.back().text;
    const size_t kept = without_trailing_space(text).size();
    out.insert(0, text, kept);
    text.resize(kept);
    if (kept > 0) break;
    parts.pop_back();
  }
  return out;
}

/// Whole texts cut where the context's tokens end; nothing when one of them does not begin with these.
static std::optional<EncodedPairs> aligned_pairs(const Tokenizer& tokenizer,
                                                 const std::vector<TextPart>& context,
                                                 std::span<const std::string> continuations) {
  EncodedPairs out{tokenizer.encode(context, true), {}};
  for (const std::string& continuation : continuations) {
    const std::vector<int> whole = encode_whole(tokenizer, context, continuation, true);
    const auto end = std::mismatch(whole.begin(), whole.end(), out.context.begin(), out.context.end());
    if (end.second != out.context.end()) return std::nullopt;
    out.continuations.emplace_back(end.first, whole.end());
  }
  return out;
}

EncodedPairs encode_pairs(const Tokenizer& tokenizer, std::vector<TextPart> context,
                          std::span<const std::string> continuations, EndSpace end_space) {
  std::vector<TextPart> kept = context;
  const std::string space = take_trailing_space(kept);
  const bool empty = kept.empty();
  if (end_space == EndSpace::context && !empty)
    if (auto out = aligned_pairs(tokenizer, context, continuations)) return *std::move(out);
  EncodedPairs out;
  if (empty) {
    const int first = tokenizer.bos() >= 0 ? tokenizer.bos() : tokenizer.eos();
    require(first >= 0, "the context is empty, and the vocabulary has no BOS or end token to begin with");
    out.context = {first};
  } else {
    out.context = tokenizer.encode(kept, true);
  }
  for (const std::string& continuation : continuations) {
    const std::vector<int> whole = encode_whole(tokenizer, kept, space + continuation, !empty);
    const bool begins = !empty || (!whole.empty() && whole[0] == out.context[0]);
    const size_t n = begins ? std::min(whole.size(), out.context.size()) : 0;
    out.continuations.emplace_back(whole.begin() + static_cast<std::ptrdiff_t>(n), whole.end());
  }
  return out;
}

}  // namespace rouse
