#include "cli/environment.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

/// Flags that mean one thing here and another there.
const std::set<std::string> kTwoMeanings = {"tokens", "chat-template", "layers", "experts", "heads", "force"};

bool filling = false;

std::string upper(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// "RUN", "EVAL_SHOW": the command's name below the program's.
std::string path_of(const CLI::App& command) {
  const CLI::App* above = command.get_parent();
  const bool top = !above || !above->get_parent();
  return (top ? "" : path_of(*above) + "_") + upper(command.get_name());
}

std::string flag_of(const CLI::Option& option) {
  const bool named = !option.get_lnames().empty() && option.get_lnames()[0] != "help";
  return named ? option.get_lnames()[0] : "";
}

const char* set_variable(const CLI::App& command, const CLI::Option& option, std::string& name) {
  for (const std::string& variable : variables_of(command, option)) {
    const char* value = std::getenv(variable.c_str());
    if (value && *value) return name = variable, value;
  }
  return nullptr;
}

/// A value a line; a value of line ends alone is one.
std::vector<std::string> lines_of(const std::string& value) {
  std::vector<std::string> out = split(value, '\n');
  std::erase(out, "");
  return out.empty() ? std::vector{value} : out;
}

void fill(CLI::Option& option, const std::string& value) {
  struct Filling {
    Filling() { filling = true; }
    ~Filling() { filling = false; }
  } while_it_runs;
  option.add_result(option.get_expected_max() > 1 ? lines_of(value) : std::vector{value});
  option.run_callback();
}

}  // namespace

std::vector<std::string> variables_of(const CLI::App& command, const CLI::Option& option) {
  const std::string flag = flag_of(option);
  if (flag.empty()) return {};
  std::vector<std::string> out{cat("ROUSE_", path_of(command), "_", upper(flag))};
  if (!kTwoMeanings.count(flag)) out.push_back("ROUSE_" + upper(flag));
  return out;
}

void relax_requirements(CLI::App& app) {
  std::string name;
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    relax_requirements(*command);
    for (CLI::Option* option : command->get_options())
      if (option->get_required() && set_variable(*command, *option, name)) option->required(false);
  }
}

void fill_from_environment(CLI::App& command) {
  std::set<const CLI::Option*> given;
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0) given.insert(option);
  for (CLI::Option* option : command.get_options()) {
    const auto& others = option->get_excludes();
    const bool other = std::any_of(others.begin(), others.end(), [&](auto* o) { return given.count(o) > 0; });
    if (option->count() > 0 || other) continue;
    const std::string flag = flag_of(*option);
    std::string name;
    const char* value = set_variable(command, *option, name);
    if (!value) {
      const std::string unscoped = "ROUSE_" + upper(flag);
      if (kTwoMeanings.count(flag) && std::getenv(unscoped.c_str()))
        std::fprintf(stderr,
                     "rouse: %s is not read, as --%s means different things in different commands; set %s\n",
                     unscoped.c_str(), flag.c_str(), variables_of(command, *option)[0].c_str());
      continue;
    }
    for (const CLI::Option* o : others)
      require_usage(o->count() == 0, name, " is set beside that of ", o->get_name(),
                    ", expected one of them");
    try {
      fill(*option, value);
    } catch (const CLI::ParseError& e) {
      throw Error(cat(name, ": ", e.what()), ErrorKind::usage);
    } catch (const Error& e) {
      throw e.within(name);
    }
  }
}

bool from_environment() {
  return filling;
}

}  // namespace rouse
