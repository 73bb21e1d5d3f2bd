/// cli/environment.h - flags from the environment: --kv-type of `rouse run` from ROUSE_RUN_KV_TYPE, else from
/// ROUSE_KV_TYPE. The command line wins, also over the variable of another flag that excludes the one given.
///
/// Where one name means different things in different commands, the variable with the command's name counts
/// alone. A flag that can be repeated takes a value from every line of its variable. A decoding method's
/// option from the environment is a default: a method that does not read it ignores it, where the flag is
/// refused.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace rouse {

/// The variables of an option, the first that is set counts; none for what is no flag (--help, positions).
std::vector<std::string> variables_of(const CLI::App& command, const CLI::Option& option);
/// Options that their variable sets need not be on the command line.
void relax_requirements(CLI::App& app);
/// Sets those options of a parsed command that its arguments left out. Throws Error (exit 2) naming the
/// variable.
void fill_from_environment(CLI::App& command);

/// Whether the option's callback that runs now got its value from a variable.
bool from_environment();

}  // namespace rouse
