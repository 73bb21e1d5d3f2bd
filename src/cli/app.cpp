#include "cli/app.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "base/verbose.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/help_format.h"
#include "cli/hub_flags.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/version.h"

namespace rouse {
namespace {

/// The command that the words name.
struct Chosen {
  CLI::App* command = nullptr;
  std::function<int(const std::atomic<bool>&)> run;
};
Chosen chosen;

/// llama.cpp's short names with several letters, which a flag parser would take for several flags.
std::string long_name(const std::string& word) {
  for (const Option& option : options())
    if (!option.short_flag.empty() && word == option.short_flag) return option.long_flag();
  for (const HubFlag& flag : hub_flags())
    if (word == flag.short_name) return flag.name;
  return word;
}

/// The command that was named last: `plan` of `rouse plan`, `uniform` of `rouse plan uniform`.
const CLI::App& innermost(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? app : innermost(*named.back());
}

/// Messages name options; whoever wrote a flag is told the flag: "--top-k is -1, expected ...".
Error in_flags(const Error& e, const CLI::App& command) {
  const std::string text = e.what(), subject = e.subject();
  const bool begins = !subject.empty() && text.starts_with(subject) &&
                      (text.size() == subject.size() ||
                       std::string_view(" [:").find(text[subject.size()]) != std::string_view::npos);
  if (!begins) return e;
  const Option* option = find_option(subject);
  const std::string flag = option && !option->flag.empty() ? option->long_flag() : "--" + dashed(subject);
  if (!command.get_option_no_throw(flag)) return e;
  return Error(flag + text.substr(subject.size()), e.kind(), subject);
}

/// What commands are for, in the order of --help.
struct CommandGroup {
  const char* title;
  std::vector<std::string> commands;
};
const CommandGroup kCommandGroups[] = {
    {"Text", {"demo", "run", "chat", "compare", "serve"}},
    {"A model's routing",
     {"advise", "inspect", "trace", "whatif", "headroom", "calibrate", "plan", "steer", "iti"}},
    {"Models", {"pull", "list", "rm"}},
    {"Benchmarks", {"eval", "data", "repro", "report", "bench"}},
    {"Help", {"methods", "help"}},
};

void group_commands(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->group("Files");
    for (CLI::App* below : command->get_subcommands([](CLI::App*) { return true; })) below->group("Commands");
    for (const CommandGroup& group : kCommandGroups)
      if (std::count(group.commands.begin(), group.commands.end(), command->get_name()))
        command->group(group.title);
  }
}

/// -v for every command that opens a model.
void add_verbose_flag(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    add_verbose_flag(*command);
    if (!command->get_option_no_throw("--threads")) continue;
    command
        ->add_flag_function(
            "-v,--verbose", [](int64_t) { verbose = true; },
            "tell on standard error what is loaded where, the threads, and what every step took")
        ->group("Model");
  }
}

/// What the flag parser refused, in rouse's words.
std::string refusal_of(const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App& command = innermost(app);
  const std::string name = full_name(command);
  std::vector<std::string> rest = command.remaining(), all = app.remaining(true);
  rest.insert(rest.end(), all.begin(), all.end());
  const auto flag =
      std::find_if(rest.begin(), rest.end(), [](const auto& w) { return w.size() > 1 && w[0] == '-'; });
  if (flag != rest.end()) {
    const std::string wanted = flag->substr(0, flag->find('='));
    std::vector<std::string> known;
    for (const CLI::Option* o : command.get_options())
      for (std::string& n : flag_names(*o)) known.push_back(std::move(n));
    return cat(name, ": unknown flag ", wanted, did_you_mean(wanted, known), "; see ", name, " --help");
  }
  const auto known = command_names(command);
  if (!known.empty() && !rest.empty())
    return cat("unknown command \"", rest[0], "\"", did_you_mean(rest[0], known), "; see ", name, " --help");
  if (!known.empty() && command.get_require_subcommand_min() > 0)
    return cat(name, ": give a command: ", join(known, ", "));
  if (!rest.empty()) return cat(name, ": unexpected \"", rest[0], "\"; see ", name, " --help");
  return cat(name, ": ", e.what(), "; see ", name, " --help");
}

}  // namespace

void on_run(CLI::App& command, std::function<int(const std::atomic<bool>& stop)> run) {
  command.callback([&command, run = std::move(run)] {
    if (command.get_subcommands().empty()) chosen = {&command, run};
  });
}

void on_run(CLI::App& command, std::function<int()> run) {
  on_run(command, [run = std::move(run)](const std::atomic<bool>&) { return run(); });
}

void on_result(CLI::App& command, std::function<Json(const std::atomic<bool>& stop)> make,
               std::function<void(const Json&)> print) {
  auto json = std::make_shared<bool>(false);
  add_json_option(command, *json);
  on_run(command, [json, make = std::move(make), print = std::move(print)](const std::atomic<bool>& stop) {
    const Json result = make(stop);
    *json ? print_json(result) : print(result);
    return 0;
  });
}

CommandLine::CommandLine(const std::string& version)
    : app_("rouse: programmable routing for Mixture-of-Experts language models") {
  app_.require_subcommand(1);
  auto json = std::make_shared<bool>(false);
  add_json_option(app_, *json, "with --version: print JSON");
  app_.set_version_flag(
      "--version",
      [version, json] {
        const Json about = version_json(version);
        return *json ? about.dump(2) : std::string(trim(version_text(about)));
      },
      "print the version, what this was built of and what it finds here, and exit");
  app_.formatter(std::make_shared<HelpFormatter>());
  const std::string footer =
      "Every flag can be set by the environment: --kv-type by ROUSE_KV_TYPE, or for `rouse run` alone by "
      "ROUSE_RUN_KV_TYPE; flags that can be repeated take a value from every line.\n"
      "A value with blanks, commas, + or quotes in a method or a policy stands in quotes:\n"
      "  --with \"scmoe weak='plan:my file.json'\"\n  --routing \"plan:'a, b.json',lambda=0.2\"\n"
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 bad model or plan, 4 partial, 5 no sandbox, 130 interrupted, "
      "141 nobody reads standard output any more.";
  add_demo(app_);
  add_run(app_);
  add_chat(app_);
  add_compare(app_);
  add_advise(app_);
  add_inspect(app_);
  add_pull(app_);
  add_list(app_);
  add_rm(app_);
  add_trace(app_);
  add_calibrate(app_);
  add_headroom(app_);
  add_plan(app_);
  add_whatif(app_);
  add_iti(app_);
  add_steer(app_);
  add_eval(app_);
  add_data(app_);
  add_serve(app_);
  add_repro(app_);
  add_report(app_);
  add_synth(app_);
  add_bench(app_);
  add_methods(app_);
  add_help(app_, version);
  add_hub_flags(app_);
  add_verbose_flag(app_);
  group_commands(app_);
  app_.footer(footer);  // the program's alone
}

void CommandLine::parse(std::vector<std::string> words) {
  chosen = {};
  relax_requirements(app_);
  std::transform(words.begin(), words.end(), words.begin(), long_name);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  app_.parse(words);
  require_usage(app_.count("--json") == 0, "--json belongs behind the command: rouse COMMAND --json");
  if (chosen.command) fill_from_environment(*chosen.command);
}

int CommandLine::run(const std::atomic<bool>& stop) {
  if (!chosen.run) return static_cast<int>(Exit::ok);
  model_from_hub(*chosen.command, stop);
  return chosen.run(stop);
}

int run_command_line(const std::vector<std::string>& words, const std::string& version,
                     const std::atomic<bool>& stop) {
  CommandLine line(version);
  if (words.empty()) {
    std::cerr << "Usage: rouse COMMAND [OPTIONS]\n"
              << command_list(line.app(), terminal_width(STDERR_FILENO))
              << "\n`rouse COMMAND --help` says more.\n";
    return static_cast<int>(Exit::usage);
  }
  try {
    line.parse(words);
    return line.run(stop);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return line.app().exit(e);
    throw Error(refusal_of(line.app(), e), ErrorKind::usage);
  } catch (const Error& e) {
    throw in_flags(e, innermost(line.app()));
  }
}

}  // namespace rouse
