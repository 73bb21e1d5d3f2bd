/// cli/app.h - the command line as a whole: every command, its flags and their environment.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <string>
#include <vector>

namespace rouse {

class CommandLine {
 public:
  explicit CommandLine(const std::string& version);
  /// Reads the words after the program's name, and the environment; nothing runs yet. Throws Error, and
  /// CLI::ParseError for what the flag parser answers itself (--help, too).
  void parse(std::vector<std::string> words);
  /// The command that was asked for, which ends early when `stop` becomes true. Returns its exit code. Throws
  /// Error.
  int run(const std::atomic<bool>& stop);
  CLI::App& app() { return app_; }

 private:
  CLI::App app_;
};

/// Both. Returns the exit code. Throws Error, whose message names the flag where it is about an option's
/// value.
int run_command_line(const std::vector<std::string>& words, const std::string& version,
                     const std::atomic<bool>& stop);

}  // namespace rouse
