/// cli/help.cpp - the command line about itself: help, a manual page, completions, options as JSON schemas.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "cli/command.h"
#include "cli/help_format.h"
#include "cli/manual.h"
#include "cli/output.h"

namespace rouse {

/// The command of these words.
static const CLI::App& command_of(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const std::vector<std::string> known = command_names(*at);
    require_usage(std::count(known.begin(), known.end(), word) > 0, full_name(*at), ": unknown command \"",
                  word, "\"", did_you_mean(word, known));
    at = at->get_subcommand(word);
  }
  return *at;
}

void add_help(CLI::App& app, const std::string& version) {
  struct Help {
    bool man = false, options = false, json = false;
    std::string shell;
    std::vector<std::string> command;
  };
  auto o = std::make_shared<Help>();
  CLI::App* sub = app.add_subcommand("help", "Print help, the manual page, completions, or options as JSON");
  sub->add_option("command", o->command, "the command to explain, such as run or plan show");
  sub->add_flag("--man", o->man, "the manual page: rouse help --man | man -l -");
  sub->add_option("--completions", o->shell,
                  "what a shell needs to complete commands and flags: bash, zsh or fish");
  sub->add_flag("--options", o->options,
                "JSON schemas of what opening a model and what a request takes: types, bounds, defaults");
  add_json_option(*sub, o->json, "the commands and their flags as JSON");
  on_run(*sub, [&app, o, version] {
    if (o->man)
      std::cout << man_page(pages_of(app), version);
    else if (!o->shell.empty())
      std::cout << completions(pages_of(app), o->shell);
    else if (o->options)
      print_json(options_json());
    else if (o->json)
      print_json(pages_json(pages_of(command_of(app, o->command))));
    else
      std::cout << HelpFormatter().make_help(&command_of(app, o->command), "", CLI::AppFormatMode::Normal);
    return 0;
  });
}

}  // namespace rouse
