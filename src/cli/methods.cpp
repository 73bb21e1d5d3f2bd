/// cli/methods.cpp - which decoding methods there are and what they go together with.
#include <iostream>

#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "session/methods_json.h"

namespace rouse {

void add_methods(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("methods", "List decoding methods, routing policies and what goes together");
  auto markdown = std::make_shared<bool>(false);
  sub->add_flag("--markdown", *markdown, "only the table of what goes together, as docs/methods.md holds it");
  on_result(
      *sub, [](const std::atomic<bool>&) { return methods_json(); },
      [markdown](const Json&) {
        if (!*markdown)
          print_text(cat("Methods:\n", method_help(), "Their options, as name=value or --name value:\n",
                         method_option_help(), "Routing policies:\n", policy_help(), "\n"));
        std::cout << method_table();
      });
}

}  // namespace rouse
