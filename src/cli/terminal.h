/// cli/terminal.h - how wide what people read may be, and text within that width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rouse {

/// Characters of a line of the terminal behind `fd`: COLUMNS where it is set, else what the terminal says, 80
/// where there is none.
size_t terminal_width(int fd);
/// Of standard output; 0, which is any number, where that is no terminal: what is piped is whole.
size_t output_width();

/// Every line within `width` characters, broken at blanks; a word that is longer stands alone. What a line
/// goes on with stands below the second column where it has one ("  name    what it is"), else below its
/// beginning.
std::string wrapped(std::string_view text, size_t width);

}  // namespace rouse
