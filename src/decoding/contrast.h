/// decoding/contrast.h - the contrast of two streams over the plausible tokens.
#pragma once

#include <span>
#include <vector>

namespace rouse {

/// V = { v : strong_v >= max(strong) + log(alpha) }, ascending. strong [n_vocab]; alpha in [0, 1], 0: every
/// token that may come, one that is not -inf.
std::vector<int> plausible_tokens(std::span<const float> strong, float alpha);
/// Whether `token` is in V.
bool plausible(std::span<const float> strong, int token, float alpha);

/// The n best tokens, best first, ties to the lower token; fewer when fewer are finite.
std::vector<int> best_tokens(std::span<const float> scores, size_t n);

/// z_v = (1 + beta) strong_v - beta weak_v for v in V; scores [n_vocab] is -inf elsewhere.
/// weak [V.size()]: the weak logits of V only. Log-softmax beforehand would only shift every z by one
/// constant. Source: SCMoE, arXiv:2405.14507, section 3; the same formula is contrastive decoding,
/// arXiv:2309.09117.
void contrast(std::span<const float> strong, std::span<const int> plausible, std::span<const float> weak,
              float beta, std::span<float> scores);

}  // namespace rouse
