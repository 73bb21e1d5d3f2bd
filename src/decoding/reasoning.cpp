#include "decoding/reasoning.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace rouse {
namespace {

struct ReasoningTag {
  std::string_view open, close;
  std::string_view label = "";  ///< what stands on the first line, and is no reasoning
};
constexpr ReasoningTag kTags[] = {
    {"<think>", "</think>"},                     // DeepSeek, Qwen, GLM, Kimi, Nemotron, ...
    {"[THINK]", "[/THINK]"},                     // Ministral
    {"<seed:think>", "</seed:think>"},           // Seed-OSS
    {"<mm:think>", "</mm:think>"},               // MiniMax-M3
    {"<|START_THINKING|>", "<|END_THINKING|>"},  // Command
    {"<|inner_prefix|>", "<|inner_suffix|>"},    // Apertus
    {"<|channel>", "<channel|>", "thought\n"},   // Gemma 4
};

bool blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

size_t first_word(std::string_view text) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), blank) - text.begin());
}

/// Without the white space at its end.
size_t end_of_words(std::string_view text) {
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text.size();
}

/// Bytes at the end of `text` that a tag may begin with.
size_t begun(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n)
    if (text.ends_with(tag.substr(0, n))) return n;
  return 0;
}

}  // namespace

std::string open_reasoning(std::string_view prompt_end) {
  const std::string_view text = prompt_end.substr(0, end_of_words(prompt_end));
  for (const ReasoningTag& tag : kTags) {
    if (text.ends_with(tag.open)) return std::string(tag.open);
    const std::string_view label = tag.label.substr(0, end_of_words(tag.label));
    if (!label.empty() && text.ends_with(label) &&
        text.substr(0, text.size() - label.size()).ends_with(tag.open))
      return std::string(tag.open);
  }
  return "";
}

ReasoningSplitter::ReasoningSplitter(std::string_view opened) {
  for (size_t tag = 0; tag < std::size(kTags); ++tag)
    if (kTags[tag].open == opened) enter(tag);
}

void ReasoningSplitter::enter(size_t tag) {
  tag_ = tag;
  state_ = State::opened;
}

void ReasoningSplitter::text(std::string_view piece) {
  pending_ += piece;
  while (step()) {
  }
}

/// True: what is pending may say more.
bool ReasoningSplitter::step() {
  switch (state_) {
    case State::begin:
      return begin();
    case State::opened:
      return skip_repeated();
    case State::reasoning:
      return reason();
    case State::closed:
      pending_.erase(0, first_word(pending_));
      if (pending_.empty()) return false;
      state_ = State::answer;
      return true;
    case State::answer:
      answer_ += pending_;
      pending_.clear();
      return false;
    case State::header:
      return false;  // until its message begins
    case State::between:
      pending_.clear();
      return false;
  }
  return false;
}

bool ReasoningSplitter::begin() {
  const size_t at = first_word(pending_);
  const std::string_view words = std::string_view(pending_).substr(at);
  bool may_begin = words.empty();
  for (size_t tag = 0; tag < std::size(kTags); ++tag) {
    if (words.starts_with(kTags[tag].open)) {
      pending_.erase(0, at + kTags[tag].open.size());
      enter(tag);
      return true;
    }
    may_begin = may_begin || kTags[tag].open.starts_with(words);
  }
  if (may_begin) return false;
  state_ = State::answer;
  return true;
}

/// Some models open again what the prompt has opened.
bool ReasoningSplitter::skip_repeated() {
  const size_t at = first_word(pending_);
  const std::string_view words = std::string_view(pending_).substr(at);
  if (words.empty()) return false;
  for (const std::string_view word : {kTags[tag_].open, kTags[tag_].label}) {
    if (word.empty()) continue;
    if (words.starts_with(word)) {
      pending_.erase(0, at + word.size());
      return true;
    }
    if (word.starts_with(words)) return false;
  }
  pending_.erase(0, at);
  state_ = State::reasoning;
  return true;
}

bool ReasoningSplitter::reason() {
  const std::string_view close = channels_ ? std::string_view() : kTags[tag_].close, text = pending_;
  const size_t at = close.empty() ? std::string_view::npos : text.find(close);
  if (at != std::string_view::npos) {
    const std::string rest(text.substr(at + close.size()));
    end_of_reasoning(text.substr(0, at));
    pending_ = rest;
    state_ = State::closed;
    return true;
  }
  const size_t held = close.empty() ? 0 : begun(text, close);
  const size_t n = end_of_words(text.substr(0, text.size() - held));
  reasoning_ += text.substr(0, n);
  pending_.erase(0, n);
  return false;
}

void ReasoningSplitter::end_of_reasoning(std::string_view last) {
  reasoning_ += last.substr(0, end_of_words(last));
}

void ReasoningSplitter::control(std::string_view name) {
  if (name == "<|channel|>" || (channels_ && (name == "<|start|>" || name == "<|end|>"))) {
    if (state_ == State::reasoning) end_of_reasoning(pending_);
    pending_.clear();
    channels_ = true;
    state_ = name == "<|channel|>" ? State::header : State::between;
  } else if (name == "<|message|>" && channels_) {
    const bool final = state_ != State::header ||
                       std::string_view(pending_).substr(first_word(pending_)).starts_with("final");
    pending_.clear();
    if (!final && !reasoning_.empty()) reasoning_ += '\n';
    state_ = final ? State::answer : State::reasoning;
  } else if (state_ == State::begin || state_ == State::reasoning || state_ == State::opened) {
    for (size_t tag = 0; tag < std::size(kTags); ++tag)
      if (state_ == State::begin && name == kTags[tag].open) {
        pending_.clear();
        return enter(tag);
      }
    if (state_ != State::begin && !channels_ && name == kTags[tag_].close) {
      end_of_reasoning(pending_);
      pending_.clear();
      state_ = State::closed;
    }
  }
}

void ReasoningSplitter::finish() {
  if (state_ == State::begin) answer_ += pending_;
  if (state_ == State::opened || state_ == State::reasoning)
    end_of_reasoning(std::string_view(pending_).substr(reasoning_.empty() ? first_word(pending_) : 0));
  pending_.clear();
}

}  // namespace rouse
