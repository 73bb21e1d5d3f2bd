/// eval/published.h - answers as published scorers read them, to the letter, oddities included; beside each
/// task's own reading these are its protocols (docs/eval.md).
#pragma once

#include <optional>
#include <string>

namespace rouse {

/// TriviaQA (github.com/mandarjoshi90/triviaqa, commit ca43b58, evaluation/triviaqa_evaluation.py),
/// normalize_answer(): lower case; punctuation and quotes to blanks; a, an and the between two \b to blanks
/// (a combining mark ends a word there); one blank between words.
std::string triviaqa_normalised(const std::string& text);

/// The code of SCMoE (github.com/DavidFanzz/SCMoE, commit 857fad7, lm_eval/tasks). A text is stripped first,
/// as its generate.py does. GSM8K: after the last "he answer is" all that is left where Python's float()
/// reads it, else the last match of
/// -?\d*\.?\d+ there (anywhere without the phrase), commas dropped.
std::optional<std::string> scmoe_number(const std::string& text);
/// Within 1e-4 of the target, of a hundredth of it or of a hundred times it.
bool scmoe_equal(double answer, double target);
/// StrategyQA: in the first paragraph the last yes or no after the phrase that stands last in a list of
/// eight, else before the one that stands last in a list of five, else anywhere; between blanks, full stops,
/// commas and semicolons only.
std::optional<std::string> scmoe_yes_no(const std::string& text);
/// MBPP: from the first "def" to the line before the next one at column 0 that is no comment; HumanEval: the
/// prompt, four spaces, the text up to the next function; both without a main block and an example of usage.
std::string scmoe_mbpp_code(const std::string& text);
std::string scmoe_humaneval_code(const std::string& prompt, const std::string& text);

/// lm-evaluation-harness 0.4.13, task gsm8k_cot: the first "The answer is (\-?[0-9\.\,]+).", whose last dot
/// takes any character, and the last of (-?[$0-9.,]{2,})|(-?[0-9]+).
std::optional<std::string> harness_strict(const std::string& text);
std::optional<std::string> harness_flexible(const std::string& text);
/// What of an answer or target is compared: without commas, dollar signs, all before "#### " and a last full
/// stop.
std::string harness_plain(const std::string& text);

}  // namespace rouse
