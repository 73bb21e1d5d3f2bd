#include "cli/help_format.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/hub_flags.h"
#include "cli/terminal.h"

namespace rouse {
namespace {

constexpr size_t kColumn = 28;  // of the help of a flag or of a command

/// "N" of "INT:INT in [1 - 9]", which CLI11 says.
std::string value_name(const CLI::Option& flag) {
  const std::string type = flag.get_type_name(), name = type.substr(0, type.find_first_of(": "));
  if (name == "INT" || name == "UINT") return "N";
  if (name == "FLOAT") return "X";
  return name.empty() ? "TEXT" : name;
}

/// "  -n, --predict N    tokens to generate at most (default 512)"; names too long have a line of their own.
std::string flag_entry(const CLI::Option& flag, size_t width) {
  const bool position = flag.get_positional(), takes = position || flag.get_items_expected_max() > 0;
  std::string names = "  " + (position ? flag.get_name(true, false) : join(flag_names(flag), ", "));
  if (takes && !position) names += " " + value_name(flag);
  std::string help = flag.get_description();
  if (takes && !flag.get_default_str().empty()) help += cat(" (default ", flag.get_default_str(), ")");
  if (flag.get_required() && !position) help += " (required)";
  if (names.size() + 2 <= kColumn) return wrapped(padded(names, kColumn) + help, width) + "\n";
  return cat(wrapped(names, width), "\n", wrapped(std::string(kColumn, ' ') + help, width), "\n");
}

std::string flags_of(const CLI::App& app, size_t width) {
  std::string out;
  const auto section = [&](const std::string& title, const std::vector<const CLI::Option*>& flags) {
    if (flags.empty()) return;
    out += cat("\n", title, ":\n");
    for (const CLI::Option* flag : flags) out += flag_entry(*flag, width);
  };
  section("Arguments", app.get_options([](const CLI::Option* o) { return o->get_positional(); }));
  std::vector<std::string> groups = app.get_groups();
  std::stable_partition(groups.begin(), groups.end(), [](const auto& g) { return g != "Options"; });
  for (const std::string& group : groups)
    section(group, app.get_options([&](const CLI::Option* o) {
      return !group.empty() && o->get_group() == group && o->nonpositional();
    }));
  return out;
}

std::string usage_of(const CLI::App& app, size_t width) {
  std::string out = cat("Usage: ", full_name(app));
  if (!app.get_options([](const CLI::Option* o) { return o->nonpositional(); }).empty()) out += " [OPTIONS]";
  for (const CLI::Option* o : app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    std::string name = o->get_name(true, false);
    if (o->get_expected_max() > 1) name += "...";
    out += o->get_required() ? " " + name : cat(" [", name, "]");
  }
  if (!app.get_subcommands([](const CLI::App*) { return true; }).empty())
    out += app.get_require_subcommand_min() == 0 ? " [COMMAND]" : " COMMAND";
  return wrapped(out, width) + "\n";
}

}  // namespace

const Option* option_of(const CLI::Option& flag) {
  for (const Option& o : options())
    if (!o.flag.empty() && !flag.get_lnames().empty() && o.long_flag() == "--" + flag.get_lnames()[0])
      return &o;
  return nullptr;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* c : app.get_subcommands([](const CLI::App*) { return true; }))
    out.push_back(c->get_name());
  return out;
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() ? full_name(*command.get_parent()) + " " + command.get_name() : "rouse";
}

std::vector<std::string> flag_names(const CLI::Option& flag) {
  std::vector<std::string> out;
  for (const std::string& name : flag.get_snames()) out.push_back("-" + name);
  for (const std::string& name : flag.get_lnames()) out.push_back("--" + name);
  const Option* option = option_of(flag);
  if (option && !option->short_flag.empty()) out.push_back(option->short_flag);
  for (const HubFlag& f : hub_flags())
    if (!flag.get_lnames().empty() && f.name == "--" + flag.get_lnames()[0]) out.emplace_back(f.short_name);
  return out;
}

std::string command_list(const CLI::App& app, size_t width) {
  std::vector<std::string> groups;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* c : commands)
    if (std::find(groups.begin(), groups.end(), c->get_group()) == groups.end())
      groups.push_back(c->get_group());
  std::string out;
  for (const std::string& group : groups) {
    out += cat("\n", group, ":\n");
    for (const CLI::App* c : commands)
      if (c->get_group() == group)
        out += wrapped("  " + padded(c->get_name(), 13) + " " + c->get_description(), width) + "\n";
  }
  return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
  const size_t width = std::clamp<size_t>(terminal_width(STDOUT_FILENO), 40, 100);
  std::string out = cat(usage_of(*app, width), "\n", wrapped(app->get_description(), width), "\n",
                        command_list(*app, width), flags_of(*app, width));
  if (!app->get_footer().empty()) out += cat("\n", wrapped(app->get_footer(), width));
  while (out.ends_with('\n')) out.pop_back();
  return out + "\n";
}

}  // namespace rouse
