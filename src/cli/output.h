/// cli/output.h - standard output that says when it was lost: a full disk, a reader that has gone.
#pragma once

#include <string>

#include "base/json.h"

namespace rouse {

/// Everything printed so far is out. Throws Error: quietly with ErrorKind::closed_pipe where nobody reads any
/// more, else naming standard output.
void flush_output();
/// Prints at once and throws likewise, so that whoever generates text stops when it cannot be read.
void print_now(const std::string& text);
/// For people: on a terminal broken at blanks to fit it (cli/terminal.h), else whole.
void print_text(const std::string& text);
/// One document, indented; bytes that are no UTF-8 are replaced.
void print_json(const Json& document);

}  // namespace rouse
