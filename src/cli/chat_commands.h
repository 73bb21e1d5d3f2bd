/// cli/chat_commands.h - what can be said to `rouse chat` itself: lines that begin with a slash.
#pragma once

#include <span>

#include "cli/dialogue.h"

namespace rouse {

struct ChatCommand {
  const char *name, *argument;  ///< "/save", "FILE"; an argument in brackets may be left out
  const char* help;
  /// False: the chat ends. Throws Error, and nothing has changed.
  bool (*run)(Dialogue& dialogue, const std::string& argument, const std::atomic<bool>& stop);
};
/// In the order of /help.
std::span<const ChatCommand> chat_commands();

/// Whether a line is a command: a slash and letters come first, then its end or a blank. So "/etc/passwd" is
/// a message, and " /help" as well.
bool is_chat_command(const std::string& line);
/// Throws Error (usage) for one that is not known, or has an argument too many or too few.
bool run_chat_command(Dialogue& dialogue, const std::string& line, const std::atomic<bool>& stop);
/// One line a command.
std::string chat_help();
/// What the last word of a command that is being typed could become: commands, methods and their options,
/// policies, files.
std::vector<std::string> complete_chat_command(const std::string& before);

}  // namespace rouse
