/// decoding/shared_prompt.h - what samples of one text share: the first runs the prompt, the others begin
/// where it ended.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "decoding/generate_options.h"
#include "decoding/rows.h"

namespace rouse {

/// Owned by all of them together, so that any may go at any time.
class SharedPrompt {
 public:
  /// Where a sample begins: its method and rows have seen the prompt.
  struct Start {
    std::unique_ptr<Method> method;
    std::unique_ptr<Rows> rows;
  };
  /// The scores of the first token, and the logits that they came from where log-probabilities are wanted.
  struct First {
    std::vector<float> scores, model_logits;
  };

  /// One more sample waits; its number.
  size_t join() {
    starts_.emplace_back();
    gone_.push_back(false);
    return starts_.size() - 1;
  }
  /// A sample ended before it began.
  void leave(size_t sample) {
    gone_[sample] = true;
    starts_[sample].reset();
  }
  /// The prompt has run: every sample that waits gets its start.
  void begin(const Rows& rows, const Method& method, First first) {
    for (size_t i = 0; i < starts_.size(); ++i)
      if (!gone_[i]) starts_[i] = Start{method.clone(), rows.sample()};
    first_ = std::move(first);
  }
  /// It will not run: samples end as its text did.
  void end(StopReason stop, const std::optional<Error>& error) {
    if (!open()) return;
    stop_ = stop, error_ = error;
  }

  bool open() const { return stop_ == StopReason::none && !first_; }
  StopReason stop() const { return stop_; }  ///< none: it has run
  const std::optional<Error>& error() const { return error_; }
  Start take(size_t sample) { return std::move(*std::exchange(starts_[sample], std::nullopt)); }
  const First& first() const { return *first_; }

 private:
  std::vector<std::optional<Start>> starts_;  ///< [sample]
  std::vector<char> gone_;                    ///< [sample]
  std::optional<First> first_;
  StopReason stop_ = StopReason::none;
  std::optional<Error> error_;
};

}  // namespace rouse
