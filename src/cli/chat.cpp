/// cli/chat.cpp - a conversation in the terminal.
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/answer_printer.h"
#include "cli/command.h"
#include "cli/output.h"

namespace rouse {
namespace {

struct ChatOptions {
  ModelOptions model;
  MethodOptions method;
  GenerateOptions generate;
  PromptOptions prompt;   ///< how messages are written
  bool reasoning = true;  ///< is shown
};

int chat(ChatOptions o, const std::atomic<bool>& stop) {
  o.generate.reuse = true;  // a turn costs its own tokens, not the conversation's
  Session session(o.model, {&o.method, 1});
  std::vector<ChatMessage> messages;
  if (!o.prompt.system.empty()) messages.push_back({"system", o.prompt.system});
  const TemplateOptions form = template_options(o.prompt);
  (void)chat_parts(*session.tokenizer, {{"user", "x"}}, form);  // refuse before the first question
  const bool terminal = isatty(STDIN_FILENO);
  if (terminal)
    std::fprintf(stderr, "%s | /clear forgets, /exit or Ctrl-D ends\n",
                 method_text(resolved(o.method, session.router())).c_str());
  std::string line;
  while (!stop) {
    if (terminal) print_now("> ");
    if (!std::getline(std::cin, line)) break;
    line = plain_text(line + '\n');  // standard input may come from a file
    line.pop_back();
    if (line == "/exit") break;
    if (line == "/clear") {
      messages.resize(o.prompt.system.empty() ? 0 : 1);
      continue;
    }
    if (line.empty()) continue;
    messages.push_back({"user", line});
    try {
      const std::vector<int> prompt = encode_chat(*session.tokenizer, messages, form);
      o.generate.reasoning = reasoning_of(o.prompt, *session.tokenizer, prompt);
      AnswerPrinter printer(o.reasoning);
      const auto generation =
          session.start(o.method, prompt, o.generate, printer.text(), printer.reasoning());
      Generation* one = generation.get();
      run_generations(session.engines(), {&one, 1}, &stop);
      printer.finish();
      print_now("\n");
      messages.push_back({"assistant", generation->answer_text()});
    } catch (const Error& e) {
      flush_output();  // where it is lost, so is the conversation
      messages.pop_back();
      std::fprintf(stderr, "rouse: %s (use /clear to start over)\n", printable(e.what(), true).c_str());
    }
  }
  return stop ? static_cast<int>(Exit::interrupted) : 0;
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
  for (const char* name : {"system", "chat_template", "chat_template_kwargs", "template_date", "special"})
    add_option(*sub, *find_option(name), {.prompt = &o->prompt});
  on_run(*sub, [o](const std::atomic<bool>& stop) { return chat(*o, stop); });
}

}  // namespace rouse
