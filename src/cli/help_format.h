/// cli/help_format.h - how --help looks: the usage first, flags in groups, nothing wider than the terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "session/options.h"

namespace rouse {

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

/// The option of the table that a flag is, or null.
const Option* option_of(const CLI::Option& flag);
/// The commands below one, by name.
std::vector<std::string> command_names(const CLI::App& app);
/// "rouse plan show": a command and those above it.
std::string full_name(const CLI::App& command);
/// "-n", "--predict": all that a flag is called, llama.cpp's short name too.
std::vector<std::string> flag_names(const CLI::Option& flag);
/// The commands in their groups, a line each.
std::string command_list(const CLI::App& app, size_t width);

}  // namespace rouse
