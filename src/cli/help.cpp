/// cli/help.cpp - the command line about itself: help, a manual page, completions, options as JSON schemas.
#include <iostream>

#include "cli/command.h"
#include "cli/manual.h"

namespace rouse {

void add_help(CLI::App& app, const std::string& version) {
  struct Help {
    bool man = false, options = false;
    std::string shell;
  };
  auto o = std::make_shared<Help>();
  CLI::App* sub = app.add_subcommand("help", "Print help, the manual page, completions, or options as JSON");
  sub->add_flag("--man", o->man, "the manual page: rouse help --man | man -l -");
  sub->add_option("--completions", o->shell,
                  "what a shell needs to complete commands and flags: bash, zsh or fish");
  sub->add_flag("--options", o->options,
                "JSON schemas of what opening a model and what a request takes: types, bounds, defaults");
  on_run(*sub, [&app, o, version] {
    if (o->man)
      std::cout << man_page(pages_of(app), version);
    else if (!o->shell.empty())
      std::cout << completions(pages_of(app), o->shell);
    else if (o->options)
      std::cout << options_json().dump(2) << '\n';
    else
      std::cout << app.help("rouse");
    return 0;
  });
}

}  // namespace rouse
