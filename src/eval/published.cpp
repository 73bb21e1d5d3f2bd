#include "eval/published.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "base/unicode.h"

namespace rouse {
namespace {

using View = std::u32string_view;
using Text = std::u32string;
constexpr size_t npos = View::npos;

bool has(View text, View part) {
  return text.find(part) != npos;
}
/// str.split(part)[0] and str.split(part)[-1].
View before(View text, View part) {
  return text.substr(0, text.find(part));
}
View after_last(View text, View part) {
  const size_t at = text.rfind(part);
  return at == npos ? text : text.substr(at + part.size());
}
Text without(View text, View part) {
  Text out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(part, at), text.size());
    out += text.substr(at, next - at);
    at = next + part.size();
  }
  return out;
}

bool digit(View text, size_t i) {
  return i < text.size() && digit_value(text[i]) >= 0;
}
size_t digits_end(View text, size_t i) {
  while (digit(text, i)) ++i;
  return i;
}

/// Digits of every script as ASCII, so that a number can be read.
std::string ascii(View text) {
  Text out(text);
  for (char32_t& c : out)
    if (digit_value(c) >= 0) c = static_cast<char32_t>('0' + digit_value(c));
  return utf8(out);
}

/// A finite float() of Python's: blanks around it, a sign, underscores between digits.
std::optional<double> python_float(View text) {
  Text plain;
  text = strip(text);
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '_' || i == 0 || !digit(text, i - 1) || !digit(text, i + 1)) plain += text[i];
  const bool plus = !plain.empty() && plain[0] == '+';
  if (plus && plain.size() > 1 && plain[1] == '-') return std::nullopt;
  return parse_double(ascii(View(plain).substr(plus)));
}

/// The last match of -?\d*\.?\d+.
std::optional<double> last_match(View text) {
  std::optional<double> last;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i + (text[i] == '-');
    size_t end = digits_end(text, begin);
    if (end < text.size() && text[end] == '.' && digit(text, end + 1)) end = digits_end(text, end + 1);
    if (end == begin) {
      ++i;
      continue;
    }
    last = parse_double(ascii(text.substr(i, end - i)));
    i = end;
  }
  return last;
}

/// What both code tasks cut off: fences, a main block, an example.
Text unfenced(View code) {
  const size_t fence = code.find(U"```python");
  if (fence == npos) return Text(code);
  const Text inside = without(strip(code.substr(fence)), U"```python");
  return has(inside, U"```") ? Text(strip(before(inside, U"```"))) : inside;
}
Text without_main(View code) {
  if (has(code, U"__name__")) {
    code = strip(before(code, U"__name__"));
    code.remove_suffix(std::min<size_t>(2, code.size()));  // the "if"
  }
  return Text(has(code, U"# Example usage") ? strip(before(code, U"# Example usage")) : code);
}

/// Python's string.punctuation, and the quotes that the script adds.
constexpr std::u32string_view kPunctuation = U"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u2018\u2019\u00B4";

}  // namespace

std::string triviaqa_normalised(const std::string& text) {
  std::u32string plain, run;
  const auto end_run = [&] {
    plain += run == U"a" || run == U"an" || run == U"the" ? U" " : run;
    run.clear();
  };
  for (const char32_t c : lower_case(code_points(text))) {
    const bool word = c != '_' && is_word(c);
    if (!word) end_run();
    (word ? run : plain) += kPunctuation.find(c) == kPunctuation.npos ? c : U' ';
  }
  end_run();
  std::vector<std::string> words;
  for (const std::u32string& word : split_words(plain)) words.push_back(utf8(word));
  return join(words, " ");
}

std::optional<std::string> scmoe_number(const std::string& text) {
  const Text whole = code_points(text);
  const View own = before(strip(whole), U"\n\nQuestion:");
  std::optional<double> value;
  if (has(own, U"he answer is")) {
    const Text stated = without(strip(after_last(own, U"he answer is")), U",");
    value = python_float(stated);
    if (!value) value = last_match(stated);
  } else {
    value = last_match(without(own, U","));
  }
  return value ? std::optional(number_text(*value)) : std::nullopt;
}

bool scmoe_equal(double answer, double target) {
  for (const double x : {answer / 100, answer, answer * 100})
    if (std::abs(x - target) <= 1e-4 * std::max(std::abs(x), std::abs(target))) return true;
  return false;
}

std::optional<std::string> scmoe_yes_no(const std::string& text) {
  constexpr View kBefore[] = {
      U"answer is",       U"answer to",          U"answer choice is",      U"i would choose",
      U"answer would be", U"answer seems to be", U"the correct answer is", U"answer to the question is"};
  constexpr View kAfter[] = {U"is correct", U"is the best choice", U"is the correct answer",
                             U"is the correct choice", U"answer choice is correct"};
  const Text lower = lower_case(code_points(text));
  View own = before(strip(lower), U"\n\n");
  View hint;
  for (const View h : kBefore)
    if (has(own, h)) hint = h;
  if (!hint.empty()) {
    own = after_last(own, hint);
  } else {
    for (const View h : kAfter)
      if (has(own, h)) hint = h;
    if (!hint.empty()) own = before(own, hint);
  }
  Text plain(1, U' ');
  plain.append(own).append(1, U' ');
  for (char32_t& c : plain)
    if (c == '.' || c == ',' || c == ';') c = ' ';
  std::optional<std::string> last;
  for (size_t at = 0; at < plain.size();) {  // a blank between two answers belongs to the first
    const View rest = View(plain).substr(at);
    const bool yes = rest.rfind(U" yes ", 0) == 0, no = rest.rfind(U" no ", 0) == 0;
    if (yes || no) last = yes ? "yes" : "no";
    at += yes ? 5 : no ? 4 : 1;
  }
  return last;
}

std::string scmoe_mbpp_code(const std::string& text) {
  const Text whole = without(strip(code_points(text)), U"\r");
  View code = before(whole, U"[DONE]");
  Text one;
  const size_t def = code.find(U"def");
  size_t end = npos;
  if (def != npos)  // def.*?\n[^\n\s#]
    for (size_t at = code.find('\n', def); at != npos && end == npos; at = code.find('\n', at + 1))
      if (at + 1 < code.size() && code[at + 1] != '#' && !is_space(code[at + 1])) end = at + 1;
  if (end != npos)
    code = code.substr(def, end - def);
  else if (has(code, U"def "))
    one = U"def " + Text(after_last(code, U"def ")), code = one;
  return utf8(without_main(unfenced(code)));
}

std::string scmoe_humaneval_code(const std::string& prompt, const std::string& text) {
  Text code = unfenced(without(strip(code_points(text)), U"\r"));
  if (has(code, U"\ndef")) code = Text(strip(before(code, U"\ndef")));
  return prompt + "    " + utf8(strip(without_main(code))) + "\n";
}

std::optional<std::string> harness_strict(const std::string& text) {
  constexpr std::string_view kPhrase = "The answer is ";
  for (size_t at = 0; (at = text.find(kPhrase, at)) != npos; ++at) {
    const size_t begin = at + kPhrase.size(), sign = begin < text.size() && text[begin] == '-';
    size_t end = std::min(text.find_first_not_of("0123456789.,", begin + sign), text.size());
    if (end == text.size() || text[end] == '\n') --end;  // the dot takes the number's last character
    if (end >= begin + sign + 1) return text.substr(begin, end - begin);
  }
  return std::nullopt;
}

std::optional<std::string> harness_flexible(const std::string& text) {
  std::optional<std::string> last;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i + (text[i] == '-');
    const size_t end = std::min(text.find_first_not_of("$0123456789.,", begin), text.size());
    const bool digit = end == begin + 1 && text[begin] >= '0' && text[begin] <= '9';
    if (begin < text.size() && (end >= begin + 2 || digit)) last = text.substr(i, end - i);
    i = std::max(end, i + 1);
  }
  return last;
}

std::string harness_plain(const std::string& text) {
  std::string out = text;
  std::erase_if(out, [](char c) { return c == ',' || c == '$'; });
  if (const size_t at = out.rfind("#### "); at != npos) out.erase(0, at + 5);
  if (!out.empty() && out.back() == '.') out.pop_back();
  return out;
}

}  // namespace rouse
