/// eval/similarity.h - how much of a reference a text repeats.
#pragma once

#include <string>

namespace rouse {

/// Sentence BLEU up to 4-grams (Papineni et al. 2002), in percent: words and punctuation apart, case kept,
/// n-grams without a match smoothed by halving (sacrebleu's "exp").
double bleu(const std::string& text, const std::string& reference);
/// ROUGE-L (Lin 2004): F1 of the longest common subsequence of lower-case words.
double rouge_l(const std::string& text, const std::string& reference);

}  // namespace rouse
