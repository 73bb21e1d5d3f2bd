#include "cli/manual.h"

#include "base/text.h"
#include "cli/command.h"
#include "cli/help_format.h"
#include "cli/terminal.h"

namespace rouse {
namespace {

std::vector<std::string> words_of(const Option* option) {
  std::vector<std::string> out;
  if (!option) return out;
  if (option->spec.name == std::string_view("method"))
    for (const MethodEntry& entry : method_registry()) out.emplace_back(entry.name);
  return option->spec.type == OptionType::word ? option->spec.word_list() : out;
}

FlagPage flag_page(const CLI::Option& flag) {
  FlagPage out;
  out.names = flag_names(flag);
  out.takes_value = flag.get_items_expected_max() > 0;
  if (out.takes_value) out.words = words_of(option_of(flag));
  out.help = flag.get_description();
  out.usual = flag.get_default_str();
  return out;
}

void add_pages(const CLI::App& app, const std::string& name, std::vector<CommandPage>& out) {
  CommandPage page{name, app.get_description(), app.get_footer(), {}, {}, {}};
  for (const CLI::Option* flag : app.get_options()) {
    if (flag->get_positional())
      page.positions.push_back(flag->get_single_name());
    else if (!flag->get_group().empty())
      page.flags.push_back(flag_page(*flag));
  }
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : below) page.commands.push_back(command->get_name());
  out.push_back(std::move(page));
  for (const CLI::App* command : below)
    add_pages(*command, name.empty() ? command->get_name() : name + " " + command->get_name(), out);
}

constexpr size_t kManWidth = 72;  // of what man(1) shows as it is, set in by 7

/// Text as troff takes it: no line begins with a request, dashes can be copied.
std::string troff(const std::string& text) {
  std::string out;
  bool begin = true;
  for (const char c : text) {
    if (begin && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    begin = c == '\n';
  }
  return out;
}

std::string troff_flag(const FlagPage& flag) {
  std::string out = ".TP\n\\fB" + troff(join(flag.names, ", ")) + "\\fR";
  if (flag.takes_value) out += " " + troff(flag.words.empty() ? "VALUE" : join(flag.words, "|"));
  if (!flag.usual.empty()) out += " (" + troff(flag.usual) + ")";
  return out + "\n" + troff(flag.help) + "\n";
}

}  // namespace

std::vector<CommandPage> pages_of(const CLI::App& app) {
  std::vector<CommandPage> out;
  const std::string name = full_name(app);
  add_pages(app, app.get_parent() ? name.substr(name.find(' ') + 1) : "", out);
  return out;
}

Json pages_json(const std::vector<CommandPage>& pages) {
  Json out = Json::array();
  for (const CommandPage& page : pages) {
    Json flags = Json::array();
    for (const FlagPage& flag : page.flags)
      flags.push_back({{"names", flag.names},
                       {"takes_value", flag.takes_value},
                       {"words", flag.words},
                       {"help", flag.help},
                       {"default", flag.usual.empty() ? Json(nullptr) : Json(flag.usual)}});
    out.push_back(
        {{"command", page.name}, {"help", page.help}, {"arguments", page.positions}, {"flags", flags}});
  }
  return out;
}

std::string man_page(const std::vector<CommandPage>& pages, const std::string& version) {
  const CommandPage& program = pages.front();
  std::string out =
      cat(".TH ROUSE 1 \"\" \"rouse ", troff(version), "\" \"User Commands\"\n.SH NAME\nrouse \\- ",
          troff(program.help.substr(program.help.find(": ") + 2)), "\n.SH SYNOPSIS\n.B rouse\n",
          "COMMAND [OPTION]...\n.SH OPTIONS\n");
  for (const FlagPage& flag : program.flags) out += troff_flag(flag);
  out += ".SH COMMANDS\n";
  for (const CommandPage& page : pages) {
    if (page.name.empty()) continue;
    out += ".SS \"rouse " + page.name;
    for (const std::string& position : page.positions) out += " " + position;
    out += "\"\n" + troff(page.help) + "\n";
    for (const FlagPage& flag : page.flags) out += troff_flag(flag);
    if (!page.footer.empty()) out += ".PP\n.nf\n" + troff(wrapped(page.footer, kManWidth)) + "\n.fi\n";
  }
  return out + ".SH NOTES\n.nf\n" + troff(wrapped(program.footer, kManWidth)) + "\n.fi\n";
}

}  // namespace rouse
