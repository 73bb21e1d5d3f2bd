/// cli/message.h - errors in the words of the command line.
#pragma once

#include <string>

#include "base/error.h"

namespace rouse {

/// An error's text, and which flag would help where one does. Folders other than cli know no flags: a server
/// says the same by a field's name.
std::string message_of(const Error& e);

}  // namespace rouse
