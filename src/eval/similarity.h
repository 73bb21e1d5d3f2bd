/// eval/similarity.h - how much of a reference a text repeats, equal to the packages that the official
/// scorers use.
#pragma once

#include <string>

namespace rouse {

/// sacrebleu 2.6.0's BLEU up to 4-grams (Papineni et al. 2002) of one text, in percent, as T5, TruthfulQA and
/// lm-evaluation-harness call it: tokenizer "intl" (every punctuation mark and symbol of Unicode apart,
/// unless it stands in a number), case kept, n-grams without a match smoothed by halving ("exp"), no
/// effective order: a text of fewer than four tokens has 0.
double bleu(const std::string& text, const std::string& reference);
/// rouge_score 0.1.2's ROUGE-L (Lin 2004): F1 of the longest common subsequence of lower-case words. A word
/// is a run of a-z and 0-9 there, so that "Beyonc\u00E9" is "beyonc" and a text in another script has none:
/// 0.
double rouge_l(const std::string& text, const std::string& reference);

}  // namespace rouse
