#include "cli/chat_commands.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "base/quoting.h"
#include "base/text.h"
#include "routing/policy.h"
#include "session/options.h"

namespace rouse {
namespace {

using Stop = const std::atomic<bool>&;

void reply(const std::string& text) {
  std::fputs(printable(text, true).c_str(), stderr);
}

/// The first line of a text, cut to what fits one.
std::string beginning(const std::string& text) {
  constexpr size_t kMost = 60;
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() > kMost) line.resize(complete_utf8_prefix(line.substr(0, kMost)));
  return line.size() < text.size() ? line + "..." : line;
}

/// A file's name as a shell would read it: in quotes or not, ~ for the home.
std::string file_name(const std::string& argument) {
  std::string name = unquote(argument);
  const char* home = std::getenv("HOME");
  if (home && name.starts_with("~/")) name = home + name.substr(1);
  return name;
}

std::string n_messages(const Conversation& c) {
  const size_t n = c.messages().size();
  return cat(n, n == 1 ? " message" : " messages");
}

bool help(Dialogue&, const std::string&, Stop) {
  reply(chat_help());
  return true;
}

bool method(Dialogue& d, const std::string& line, Stop) {
  if (!line.empty()) d.set_method(parse_variant(line));
  reply(d.method_news() + "\n");
  return true;
}

bool routing(Dialogue& d, const std::string& policy, Stop) {
  if (!policy.empty()) d.set_routing(policy);
  reply(d.method_line() + "\n");
  return true;
}

bool system(Dialogue& d, const std::string& text, Stop) {
  if (!text.empty()) d.set_system(text == "\"\"" ? "" : text);
  const std::string& now = d.conversation.system;
  reply(now.empty() ? "no system message\n" : cat("system: ", now, "\n"));
  return true;
}

bool undo(Dialogue& d, const std::string&, Stop) {
  const auto question = d.conversation.undo();
  require_usage(question.has_value(), "there is no exchange to take away");
  reply(cat("taken away: ", beginning(*question), "\n"));
  return true;
}

bool again(Dialogue& d, const std::string&, Stop stop) {
  d.again(stop);
  return true;
}

bool save(Dialogue& d, const std::string& argument, Stop) {
  constexpr std::string_view kForce = "--force";
  const bool force = argument == kForce || argument.starts_with(std::string(kForce) + " ");
  const std::string rest(trim(std::string_view(argument).substr(force ? kForce.size() : 0)));
  require_usage(!rest.empty(), "/save --force: expected a file behind it");
  require_usage(!d.conversation.messages().empty(), "nothing was said yet");
  const std::string name = file_name(rest), inputs[] = {d.model_file()};
  try {
    OutputFile file(name, force, inputs);
    file.stream() << conversation_json(d.conversation).dump(2) << '\n';
    file.commit();
  } catch (const Error& e) {
    if (e.subject() != "force") throw;
    throw Error(cat(e.what(), "; /save --force ", quote(name), " replaces it"), e.kind());
  }
  reply(cat(n_messages(d.conversation), " saved in ", name, "\n"));
  return true;
}

bool load(Dialogue& d, const std::string& argument, Stop) {
  const std::string name = file_name(argument);
  const Json json = read_json(name);
  d.set_conversation(read_conversation(JsonValue(json, name)));
  reply(cat(n_messages(d.conversation), " of ", name,
            d.conversation.open ? "; the last question has no answer: /again asks it" : "", "\n"));
  return true;
}

bool stats(Dialogue& d, const std::string&, Stop) {
  reply(d.stats());
  return true;
}

bool clear(Dialogue& d, const std::string&, Stop) {
  d.undo_all();
  return true;
}

bool leave(Dialogue&, const std::string&, Stop) {
  return false;
}

constexpr ChatCommand kCommands[] = {
    {"/help", "", "shows this", help},
    {"/method", "[LINE]", "shows or sets method and routing: scmoe beta=0.3, topk:4", method},
    {"/routing", "[POLICY]", "shows or sets the routing alone: rank:2", routing},
    {"/system", "[TEXT]", "shows or sets the system message; \"\" is none", system},
    {"/undo", "", "takes the last exchange away", undo},
    {"/again", "", "answers the last question anew, with the next seed", again},
    {"/save", "FILE", "writes the messages as JSON; --force FILE replaces a file", save},
    {"/load", "FILE", "goes on from such a file instead of this conversation", load},
    {"/stats", "", "tokens, speed, experts a token, how full the context is", stats},
    {"/clear", "", "forgets the conversation, not the system message", clear},
    {"/exit", "", "ends the chat, as Ctrl-D does", leave},
};

}  // namespace

std::span<const ChatCommand> chat_commands() {
  return kCommands;
}

std::string chat_help() {
  std::string out;
  for (const ChatCommand& c : kCommands)
    out += cat(padded(cat(c.name, *c.argument ? " " : "", c.argument), 18), " ", c.help, "\n");
  return out +
         "Several lines: paste them, Alt-Enter, or end a line in \\. A blank before a slash\n"
         "makes a message of it. Ctrl-C stops an answer, Ctrl-R searches the history.\n";
}

/// Files and folders that a name begins.
static std::vector<std::string> files_like(const std::string& begun) {
  namespace fs = std::filesystem;
  const size_t slash = begun.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "" : begun.substr(0, slash + 1);
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(file_name(folder.empty() ? "./" : folder), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".") && !begun.substr(folder.size()).starts_with(".")) continue;
    out.push_back(folder + name + (entry.is_directory(ignored) ? "/" : ""));
  }
  return out;
}

std::vector<std::string> complete_chat_command(const std::string& before) {
  const std::string name = before.substr(0, before.find(' '));
  const std::string word = before.substr(before.find_last_of(' ') + 1);  // npos + 1 is 0
  const bool first = static_cast<size_t>(std::ranges::count(before, ' ')) == 1;
  std::vector<std::string> out;
  if (before == name)
    for (const ChatCommand& c : kCommands) out.emplace_back(c.name);
  if (first && name == "/method")
    for (const MethodEntry& e : method_registry()) out.emplace_back(e.name);
  if (first && (name == "/method" || name == "/routing"))
    for (const ChoiceEntry& e : choice_registry()) {
      const std::string must = cat(e.name, ":");  // "rank:K", but "topk[:K]"
      out.push_back(std::string_view(e.usage).starts_with(must) ? must : e.name);
    }
  if (!first && name == "/method")
    for (const Option& o : options())
      if (o.variant) out.push_back(cat(dashed(o.spec.name), "="));
  if (before != name && (name == "/save" || name == "/load")) out = files_like(word);
  std::erase_if(out, [&](const std::string& other) { return !other.starts_with(word); });
  std::ranges::sort(out);
  return out;
}

bool is_chat_command(const std::string& line) {
  if (!line.starts_with('/')) return false;
  const auto end = std::find_if(line.begin() + 1, line.end(),
                                [](unsigned char c) { return !(c < 0x80 && std::isalpha(c)); });
  return end == line.end() || *end == ' ' || *end == '\t';
}

bool run_chat_command(Dialogue& dialogue, const std::string& line, const std::atomic<bool>& stop) {
  const std::string name = line.substr(0, line.find_first_of(" \t"));
  const std::string argument(trim(std::string_view(line).substr(name.size())));
  std::vector<std::string> known;
  for (const ChatCommand& c : kCommands) {
    known.emplace_back(c.name);
    if (name != c.name) continue;
    const std::string wanted = c.argument;
    require_usage(argument.empty() || !wanted.empty(), name, " takes nothing behind it, found \"", argument,
                  "\"");
    require_usage(!argument.empty() || wanted.empty() || wanted.starts_with('['), name, ": expected ", wanted,
                  " behind it");
    return c.run(dialogue, argument, stop);
  }
  const std::string meant = did_you_mean(name, known);
  throw Error(cat("unknown command ", name,
                  meant.empty() ? "; /help lists them, a blank before it makes it a message" : meant),
              ErrorKind::usage);
}

}  // namespace rouse
