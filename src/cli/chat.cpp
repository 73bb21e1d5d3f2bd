/// cli/chat.cpp - a conversation in the terminal, or with whoever writes to standard input.
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/chat_commands.h"
#include "cli/line_editor.h"
#include "cli/message.h"
#include "cli/output.h"

namespace rouse {
namespace {

/// A line that was entered. False: the chat ends.
bool hear(Dialogue& dialogue, const std::string& line, const std::atomic<bool>& stop) {
  try {
    if (is_chat_command(line)) return run_chat_command(dialogue, line, stop);
    if (!trim(line).empty()) dialogue.ask(line, stop);
  } catch (const Error& e) {
    flush_output();  // where it is lost, so is the conversation
    std::fprintf(stderr, "rouse: %s\n", printable(message_of(e), true).c_str());
    if (e.subject() == "n_ctx")
      print_note("(the question stays: /again asks it anew, /undo takes it away, /clear starts over)");
  }
  return true;
}

int in_terminal(Dialogue& dialogue, const ChatOptions& o) {
  Interrupts interrupts;
  LineEditor editor(interrupts, o.history ? history_path() : "", complete_chat_command);
  print_note(cat(std::filesystem::path(dialogue.model_file()).stem().string(), " | ", dialogue.method_line(),
                 " | /help lists commands, Ctrl-D ends"));
  std::string problem;
  for (bool leaving = false;;) {
    if (editor.history().problem() != problem)
      print_note(cat("(", problem = editor.history().problem(), ")"));
    const LineEditor::Line line = editor.read();
    if (line.end == LineEditor::End::closed) return 0;
    if (line.end == LineEditor::End::interrupted) {
      const bool empty = line.text.empty();
      if (empty && leaving) return 0;
      if (empty) print_note("(Ctrl-C again, or Ctrl-D, ends the chat)");
      leaving = empty;
      continue;
    }
    leaving = false;
    if (!hear(dialogue, line.text, interrupts.pressed())) return 0;
    interrupts.take();  // it was for that answer
  }
}

int from_input(Dialogue& dialogue, const std::atomic<bool>& stop) {
  std::string line;
  while (!stop && std::getline(std::cin, line)) {
    line = plain_text(line + '\n');  // it may come from a file
    line.pop_back();
    if (!hear(dialogue, line, stop)) break;
  }
  return stop ? static_cast<int>(Exit::interrupted) : 0;
}

int chat(const ChatOptions& o, const std::atomic<bool>& stop) {
  Dialogue dialogue(o);
  const bool terminal = isatty(STDIN_FILENO) && (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO));
  return terminal && !stop ? in_terminal(dialogue, o) : from_input(dialogue, stop);
}

}  // namespace

void add_chat(CLI::App& app) {
  auto o = std::make_shared<ChatOptions>();
  CLI::App* sub = app.add_subcommand("chat", "Talk with the model in the terminal");
  add_model_options(*sub, o->model);
  add_method_options(*sub, o->method);
  add_generate_options(*sub, o->generate);
  sub->add_flag("--reasoning,!--no-reasoning", o->reasoning,
                "show on a terminal what the model thinks before it answers (default)");
  sub->add_flag("--context-shift,!--no-context-shift", o->context_shift,
                "where a conversation no longer fits the context, leave its oldest exchanges out (default); "
                "else the question is refused");
  sub->add_flag("--history,!--no-history", o->history,
                "keep what is typed at a terminal for later sessions, in "
                "$XDG_STATE_HOME/rouse/chat_history (default)");
  for (const char* name : {"system", "chat_template", "chat_template_kwargs", "template_date", "special"})
    add_option(*sub, *find_option(name), {.prompt = &o->prompt});
  sub->footer("Lines that begin with a slash are commands:\n" + chat_help() + sub->get_footer());
  refuse_json(
      *sub, "it is a conversation with a person; rouse run --json answers a program, /save writes this one");
  on_run(*sub, [o](const std::atomic<bool>& stop) { return chat(*o, stop); });
}

}  // namespace rouse
