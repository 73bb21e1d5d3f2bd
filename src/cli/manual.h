/// cli/manual.h - the command line described from itself: a manual page and shells' completions. Nothing of
/// it is written by hand, so nothing can be missing.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/json.h"

namespace rouse {

struct FlagPage {
  std::vector<std::string> names;  ///< "-p", "--prompt", and "-ngl" where llama.cpp has it
  bool takes_value = false;
  std::vector<std::string> words;  ///< that the value can be; none: anything
  std::string help, usual;         ///< usual: its value where it is left out
};
struct CommandPage {
  std::string name;  ///< "run", "plan uniform"; "" of the program
  std::string help, footer;
  std::vector<FlagPage> flags;
  std::vector<std::string> commands, positions;  ///< words that may follow it
};
/// The program first, then every command, those below it following it.
std::vector<CommandPage> pages_of(const CLI::App& app);

/// [{"command", "help", "arguments", "flags": [{"names", "takes_value", "words", "help", "default"}]}].
Json pages_json(const std::vector<CommandPage>& pages);
/// For man(1), as `rouse help --man | man -l -`.
std::string man_page(const std::vector<CommandPage>& pages, const std::string& version);
/// For "bash", "zsh" or "fish".
std::string completions(const std::vector<CommandPage>& pages, const std::string& shell);

}  // namespace rouse
