#include "eval/sweep.h"

#include <algorithm>

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "session/variant.h"

namespace rouse {

static constexpr size_t kMostValues = 1000;

/// "0.1:0.9:0.2" as numbers, nothing when it is no such range.
static std::vector<std::string> number_range(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3) return {};
  const auto low = parse_double(parts[0]), high = parse_double(parts[1]), step = parse_double(parts[2]);
  if (!low || !high || !step || *step <= 0) return {};
  std::vector<std::string> out;
  for (size_t i = 0; i < kMostValues && *low + static_cast<double>(i) * *step <= *high + *step * 1e-6; ++i)
    out.push_back(cat(*low + static_cast<double>(i) * *step));
  return out;
}

/// "rank:1..8": the text with every whole number of the range in its place, nothing when it is no such range.
static std::vector<std::string> whole_range(const std::string& text) {
  const size_t dots = text.find("..");
  if (dots == std::string::npos) return {};
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  size_t begin = dots, end = dots + 2;
  while (begin > 0 && digit(begin - 1)) --begin;
  while (digit(end)) ++end;
  const auto low = parse_int(text.substr(begin, dots - begin)),
             high = parse_int(text.substr(dots + 2, end - dots - 2));
  if (!low || !high || *high - *low >= static_cast<int64_t>(kMostValues)) return {};
  std::vector<std::string> out;
  for (int64_t i = *low; i <= *high; ++i) out.push_back(cat(text.substr(0, begin), i, text.substr(end)));
  return out;
}

/// Every value of "A|B", LOW:HIGH:STEP and rank:1..8; most texts are one value. One in quotes is itself, and
/// keeps them.
static std::vector<std::string> values_of(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& part : split_quoted(text, "|")) {
    const bool in_quotes = part.starts_with('\'') || part.starts_with('"');
    std::vector<std::string> values = in_quotes ? std::vector{part} : number_range(part);
    if (values.empty()) values = whole_range(part);
    if (values.empty() && !part.empty()) values = {part};
    require_usage(!values.empty(), "\"", text, "\" gives no values where \"|\" separates nothing");
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

/// Every variant followed by each of the words.
static std::vector<std::string> combined(const std::vector<std::string>& variants,
                                         const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const std::string& variant : variants)
    for (const std::string& word : words) out.push_back(variant.empty() ? word : cat(variant, " ", word));
  require_usage(out.size() <= kMostValues, "\"", out[0], "\" and so on: ", out.size(), " settings, at most ",
                kMostValues);
  return out;
}

Sweep parse_sweep(const std::string& text) {
  const size_t equals = text.find('=');
  require_usage(equals != std::string::npos && equals > 0 && equals + 1 < text.size(), "sweep: \"", text,
                "\" is not NAME=VALUES");
  Sweep sweep{text.substr(0, equals), values_of(text.substr(equals + 1))};
  std::replace(sweep.name.begin(), sweep.name.end(), '_', '-');  // as in variants and batches
  MethodOptions probe;
  for (const std::string& value : sweep.values)
    require_usage(set_method_option(probe, sweep.name, unquote(value)), "sweep: no method has an option \"",
                  sweep.name, "\"");
  return sweep;
}

/// A method runs under a sweep of an option that it reads and that it does not set itself.
static bool takes(const MethodOptions& method, const Sweep& sweep) {
  return !method.given.count(sweep.name) && method_reads(method.name, sweep.name);
}

void check_sweeps(std::span<const std::string> methods, std::span<const Sweep> sweeps) {
  for (const Sweep& sweep : sweeps) {
    const bool taken = std::any_of(methods.begin(), methods.end(), [&](const std::string& method) {
      return takes(parse_variant(sweep_variants(method, {})[0]), sweep);
    });
    require_usage(taken, "sweep ", sweep.name, ": no method given reads it and leaves it open (",
                  join(std::vector<std::string>(methods.begin(), methods.end()), "; "), ")");
  }
}

std::vector<std::string> sweep_variants(const std::string& method, std::span<const Sweep> sweeps) {
  std::vector<std::string> out{""};
  std::vector<std::string> words = split_quoted(method, " \t\r\n\v\f");
  std::erase(words, "");
  for (const std::string& word : words) {
    const size_t equals = out[0].empty() ? std::string::npos : find_unquoted(word, "=");
    const std::string name = equals == std::string::npos ? "" : word.substr(0, equals + 1);
    std::vector<std::string> values;
    for (const std::string& value : values_of(word.substr(name.size()))) values.push_back(name + value);
    out = combined(out, values);
  }
  const MethodOptions base = parse_variant(out[0]);
  for (const Sweep& sweep : sweeps) {
    if (!takes(base, sweep)) continue;
    std::vector<std::string> values;
    for (const std::string& value : sweep.values) values.push_back(cat(sweep.name, "=", value));
    out = combined(out, values);
  }
  return out;
}

}  // namespace rouse
