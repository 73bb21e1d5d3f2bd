/// base/option.h - what an option is called and may be, and the one check of a value for it, whichever way it
/// came: a flag, an environment variable, a line of a file, a request.
///
/// Messages read "alpha is 3, expected a number in (0, 1]" and have the option's name as their subject.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"

namespace rouse {

enum class OptionType {
  boolean,
  integer,
  natural,  ///< any of 64 bits, such as a seed
  real,     ///< a float: a value is rounded to one before it is compared with the bounds
  text,
  word,      ///< one of a few
  texts,     ///< a list of texts, or one text alone
  tokens,    ///< a list of token ids
  messages,  ///< of a conversation; what reads them checks them
  json       ///< any value; what reads it checks it
};

struct OptionSpec {
  const char* name;  ///< with underscores
  const char* help;
  OptionType type = OptionType::text;
  double low = 0,
         high = 0;  ///< integer and real: the bounds; text: high, where it is not 0, is bytes at most
  bool low_open = false, high_open = false;  ///< the bound itself is refused
  const char* words = "";                    ///< space-separated

  /// "a number in (0, 1]", "an integer of 0 to 64", "f16 or f32".
  std::string expected() const;
  std::vector<std::string> word_list() const;
};

/// Where an option's value is kept. Nowhere: whoever reads the option stores it.
using OptionPlace = std::variant<std::monostate, bool*, std::optional<bool>*, int*, uint64_t*, float*,
                                 std::string*, std::vector<std::string>*, std::vector<int>*, Json*>;

/// Throws Error (usage, of the option) unless the value has the type exactly and lies in the range.
void check_option(const OptionSpec& spec, const Json& value);
/// Checks and stores.
void set_option(const OptionSpec& spec, const OptionPlace& place, const Json& value);
/// What a text stands for where an option of that type is wanted: "3" is a number for a number, but a text
/// for a text. Whatever cannot be read so stays text, which check_option then refuses.
Json option_literal(const OptionSpec& spec, std::string_view text);
/// What is kept there; reals as the shortest decimal that reads back as the same float. Null: nothing is set.
Json option_value(const OptionPlace& place);

/// "strong_temp" of "strong-temp", and the other way round.
std::string underscored(std::string name);
std::string dashed(std::string name);
/// "; did you mean top_k?" of the known name that is at most two changes of a character away, else "".
std::string did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace rouse
