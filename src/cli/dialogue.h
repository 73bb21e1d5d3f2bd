/// cli/dialogue.h - a conversation with a model: what commands of `rouse chat` change, and how a question is
/// answered.
#pragma once

#include <atomic>

#include "cli/command.h"
#include "cli/conversation.h"

namespace rouse {

struct ChatOptions {
  ModelOptions model;
  MethodOptions method;
  GenerateOptions generate;
  PromptOptions prompt;       ///< how messages are written
  bool reasoning = true;      ///< is shown
  bool context_shift = true;  ///< the oldest exchanges make room
  bool history = true;        ///< of what was typed, in a file
};

/// What an answer took, and all of them together.
struct ChatCost {
  int64_t n_answer = 0, n_prompt = 0, n_reused = 0, n_token = 0;
  Phase prefill, step;

  ChatCost& operator+=(const ChatCost& o);
};

class Dialogue {
 public:
  /// Opens the model. Throws Error, also for a method that it cannot run.
  explicit Dialogue(ChatOptions options);

  /// Prints the answer while it grows. Stopped, what there is of it stays; before it began, the question
  /// stays open. Throws Error, and the question is open.
  void ask(std::string question, const std::atomic<bool>& stop);
  /// Answers the open question, or the last one anew: its old answer stays unless a new one has begun. With
  /// another seed each time.
  void again(const std::atomic<bool>& stop);

  /// Each throws Error, and what was there stays, where the model cannot do it.
  void set_method(MethodOptions method);
  void set_routing(const std::string& policy);
  void set_system(const std::string& text);
  void set_conversation(Conversation conversation);
  void undo_all();

  /// "scmoe(weak=rank:2,...) | topk"
  std::string method_line() const;
  /// The same, and how much the context holds under a method that it was not opened for.
  std::string method_news() const;
  std::string stats() const;
  const std::string& model_file() const { return session_.tokenizer->path(); }
  /// Tokens that a text may have on each stream of the method.
  int context() const { return context_of(options_.method); }

  Conversation conversation;

 private:
  int context_of(const MethodOptions& method) const;
  void try_out(const MethodOptions& method) const;
  std::vector<int> encode(const std::vector<ChatMessage>& messages) const;
  std::unique_ptr<Generation> start(std::vector<int> prompt, OnText on_text, OnText on_reasoning);
  std::unique_ptr<Generation> start_in_room(OnText on_text, OnText on_reasoning);
  void answer(const std::atomic<bool>& stop);

  ChatOptions options_;
  TemplateOptions form_;
  Session session_;
  std::string amateur_;  ///< that the session has
  ChatCost last_, all_;
};

/// A line on standard error: dim on a terminal.
void print_note(const std::string& text);

}  // namespace rouse
