/// base/known.h - what the refusal of a name says: which names there are, and which was meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rouse {

/// "; known: arc_easy, gsm8k; did you mean arc_easy?"; `more` stands behind the last name. Without any name,
/// "; known: none".
std::string known_names(std::string_view name, std::span<const std::string> known,
                        std::string_view more = "");

}  // namespace rouse
