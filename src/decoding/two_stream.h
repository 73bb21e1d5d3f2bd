/// decoding/two_stream.h - two streams contrasted over the plausible tokens: SCMoE's strong and weak routing
/// of one model (arXiv:2405.14507), contrastive decoding's expert and amateur models (arXiv:2309.09117).
///
/// Each stream has its own KV cache from the prompt on. The choice needs the weak logits only where more than
/// one token is plausible, and then only those of the plausible tokens; so three executions give the same
/// tokens:
///   plain  two full passes a step
///   fused  both rows in one round (one graph where they share a model): what both use is read once
///   lazy   weak rows wait until their logits are needed, then run in one batch
/// Fused and lazy run the head for the plausible tokens alone where the engine gives hidden rows.
///   auto   fused where weights lie on a GPU (bandwidth binds: the second row is nearly free); on a CPU
///          (arithmetic binds) lazy, but fused while more than half of the last 32 steps needed the weak
///          logits
#pragma once

#include <bitset>

#include "decoding/method.h"

namespace rouse {

class TwoStream final : public Method {
 public:
  /// Throws Error (exit 2) naming the option that is out of range.
  TwoStream(const MethodOptions& options, const MethodModels& models, Stream strong, Stream weak);
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override;
  Asks ask(const TokenFilter& filter) override;
  bool answer(std::span<const Answer> answers, const TokenFilter& filter,
              std::vector<float>& scores) override;
  std::unique_ptr<Method> clone() const override { return std::make_unique<TwoStream>(*this); }
  void expect_clones() override { eager_prompt_ = true; }
  double score(std::span<const Answer> rows, int token, float alpha) const override;
  std::vector<int> likeliest(std::span<const Answer> rows, size_t n) const override;

 private:
  enum class Execution { plain, fused, lazy };
  std::vector<float> contrasted(std::span<const Answer> rows, float alpha) const;
  bool contrast_with(std::vector<float> weak, std::vector<float>& scores) const;

  MethodOptions options_;
  bool automatic_, accelerated_, hidden_, eager_prompt_ = false;
  Execution execution_;
  std::vector<Stream> streams_;
  std::vector<int> strong_pending_, weak_pending_;
  bool prompt_[2] = {true, true};
  bool waiting_for_weak_ = false;
  std::vector<float> weak_row_;  ///< after the final norm, while the head's logits of V are waited for
  std::vector<float> strong_;    ///< the strong logits of this step over their temperature
  std::vector<int> plausible_;   ///< V of this step
  std::bitset<32> needed_;       ///< whether the last steps needed the weak logits
  SimulatedNeed simulated_;
};

}  // namespace rouse
