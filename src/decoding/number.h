/// decoding/number.h - numbers as people and models write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rouse {

/// The last number of a text, written the shortest way without an exponent where it is whole: "007", "7.0"
/// and
/// "\uFF17" are "7". See last_number in decoding/vote.h.
std::optional<std::string> last_number_in(std::u32string_view text);

}  // namespace rouse
