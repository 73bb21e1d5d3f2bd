#include "cli/dialogue.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "cli/answer_printer.h"
#include "cli/output.h"

namespace rouse {

void print_note(const std::string& text) {
  const bool dim = use_color(STDERR_FILENO);
  std::fprintf(stderr, "%s%s%s\n", dim ? "\033[2m" : "", printable(text, true).c_str(), dim ? "\033[0m" : "");
}

ChatCost& ChatCost::operator+=(const ChatCost& o) {
  n_answer += o.n_answer, n_prompt += o.n_prompt, n_reused += o.n_reused, n_token += o.n_token;
  for (const auto& [to, from] : {std::pair{&prefill, &o.prefill}, {&step, &o.step}}) {
    to->seconds += from->seconds;
    to->tokens += from->tokens;
    to->cost += from->cost;
  }
  return *this;
}

Dialogue::Dialogue(ChatOptions options)
    : options_(std::move(options)),
      form_(template_options(options_.prompt)),
      session_(options_.model, {&options_.method, 1}),
      amateur_(session_.amateur_engine ? options_.method.amateur : "") {
  options_.generate.reuse = true;  // a turn costs its own tokens, not the conversation's
  conversation.system = options_.prompt.system;
  (void)encode({{"user", "x"}});  // a system message that the template refuses shows with the first question
  try_out(options_.method);
}

std::vector<int> Dialogue::encode(const std::vector<ChatMessage>& messages) const {
  return encode_chat(*session_.tokenizer, messages, form_);
}

/// A method that keeps several streams shares out the cells that are there.
int Dialogue::context_of(const MethodOptions& method) const {
  const int64_t n_ctx = session_.engine->n_ctx(), n_cell = session_.engine->n_cell();
  return static_cast<int>(std::min(n_ctx, n_ctx * n_cell / rouse::n_cell(method, n_ctx)));
}

/// Throws Error where the model cannot run it, or not even the shortest question fits.
void Dialogue::try_out(const MethodOptions& method) const {
  const int n_slot = session_.engine->abilities().n_slot;
  const int most = n_slot > 0 ? most_experts(method, session_.router()) : 0;
  require_of(most <= n_slot, ErrorKind::unsupported, "", "it chooses up to ", most,
             " experts a block, and the model was opened for ", n_slot, "; start with --slots ", most);
  (void)session_.start(method, encode({{"user", "x"}}), options_.generate);
}

void Dialogue::set_method(MethodOptions method) {
  method.files = options_.method.files;
  if (method_entry(method.name).amateur) {
    if (method.amateur.empty() && !amateur_.empty()) set_method_option(method, "amateur", amateur_);
    require_usage(!amateur_.empty() && method.amateur == amateur_, "method ", method.name,
                  " contrasts with a second model, and this chat has ",
                  amateur_.empty() ? "none" : amateur_ + " alone", "; start it with --method ", method.name,
                  " --amateur FILE");
  }
  try_out(method);
  options_.method = std::move(method);
  conversation.n_left_out = 0;  // another method may have room for them
}

void Dialogue::set_routing(const std::string& policy) {
  MethodOptions method = options_.method;
  set_method_option(method, "routing", policy);
  set_method(std::move(method));
}

void Dialogue::set_system(const std::string& text) {
  std::vector<ChatMessage> messages{{"user", "x"}};
  if (!text.empty()) messages.insert(messages.begin(), {"system", text});
  (void)encode(messages);  // some templates have no place for it
  conversation.system = text;
}

void Dialogue::set_conversation(Conversation loaded) {
  std::vector<ChatMessage> messages = loaded.messages();
  if (!loaded.open) messages.push_back({"user", "x"});
  (void)encode(messages);
  conversation = std::move(loaded);
}

void Dialogue::undo_all() {
  conversation = {.system = conversation.system, .exchanges = {}, .open = {}};
}

std::string Dialogue::method_line() const {
  return cat(method_text(resolved(options_.method, session_.router())), " | ", options_.method.routing);
}

std::string Dialogue::method_news() const {
  const int room = context(), whole = session_.engine->n_ctx();
  return method_line() + (room == whole ? ""
                                        : cat(" | the context holds ", room, " tokens so, ", whole,
                                              " where rouse chat starts with this method"));
}

std::unique_ptr<Generation> Dialogue::start(std::vector<int> prompt, OnText on_text, OnText on_reasoning) {
  options_.generate.reasoning = reasoning_of(options_.prompt, *session_.tokenizer, prompt);
  return session_.start(options_.method, std::move(prompt), options_.generate, std::move(on_text),
                        std::move(on_reasoning));
}

/// Where the conversation leaves no room for an answer, its oldest exchanges are left out until it fills half
/// of the context: so the next turns find room, and their beginning kept.
std::unique_ptr<Generation> Dialogue::start_in_room(OnText on_text, OnText on_reasoning) {
  const int room = context(), for_answer = std::min(options_.generate.n_predict, room / 4);
  const size_t before = conversation.n_left_out;
  for (size_t n = before;; ++n) {
    const bool last = !options_.context_shift || n >= conversation.exchanges.size();
    std::vector<int> prompt = encode(conversation.messages(n));
    if (!last && static_cast<int>(prompt.size()) > (n == before ? room - for_answer : room / 2)) continue;
    try {
      auto generation = start(std::move(prompt), on_text, on_reasoning);
      conversation.n_left_out = n;
      if (n > before)
        print_note(cat("(the context holds ", room, " tokens: ", n == 1 ? "the oldest exchange is" : "",
                       n > 1 ? cat("the ", n, " oldest exchanges are") : "", " left out from here on)"));
      return generation;
    } catch (const Error& e) {
      if (last || e.subject() != "n_ctx") throw;
    }
  }
}

void Dialogue::answer(const std::atomic<bool>& stop) {
  AnswerPrinter printer(options_.reasoning);
  const auto generation = start_in_room(printer.text(), printer.reasoning());
  Generation* one = generation.get();
  run_generations(session_.engines(), {&one, 1}, &stop);
  printer.finish();
  print_now("\n");
  const Generation& g = *generation;
  last_ = {.n_answer = 1,
           .n_prompt = static_cast<int64_t>(g.prompt().size()),
           .n_reused = g.reused(),
           .n_token = static_cast<int64_t>(g.tokens().size()),
           .prefill = g.prefill(),
           .step = g.step()};
  all_ += last_;
  const bool stopped = g.stop_reason() == StopReason::cancelled, none = g.answer_text().empty();
  if (!stopped || !none) {
    conversation.exchanges.push_back({*conversation.open, g.answer_text()});
    conversation.open.reset();
  }
  if (!isatty(STDIN_FILENO)) return;
  if (stopped)
    print_note(none ? "(stopped before the answer began; /again asks again)" : "(stopped)");
  else if (g.stop_reason() == StopReason::context)
    print_note("(the context is full, and the answer ends here)");
  else if (g.stop_reason() == StopReason::length)
    print_note(cat("(ends after ", g.tokens().size(), " tokens: -n raises that)"));
}

void Dialogue::ask(std::string question, const std::atomic<bool>& stop) {
  conversation.open = std::move(question);
  answer(stop);
}

void Dialogue::again(const std::atomic<bool>& stop) {
  if (conversation.open) return answer(stop);
  require_usage(!conversation.exchanges.empty(), "nothing was asked yet");
  Exchange old = std::move(conversation.exchanges.back());
  conversation.exchanges.pop_back();
  const size_t n_before = conversation.exchanges.size();
  const auto restore = [&] {
    if (conversation.exchanges.size() > n_before) return;
    conversation.exchanges.push_back(std::move(old));
    conversation.open.reset();
  };
  conversation.n_left_out = std::min(conversation.n_left_out, n_before);
  ++options_.generate.sampling.seed;
  try {
    ask(old.question, stop);
  } catch (...) {
    restore();
    throw;
  }
  restore();
}

static std::string counted(int64_t n, const std::string& noun) {
  return cat(n, " ", noun, n == 1 ? "" : "s");
}

static double ratio(int64_t n, double by) {
  return by > 0 ? static_cast<double>(n) / by : 0;
}

std::string Dialogue::stats() const {
  const int room = context();
  const std::vector<ChatMessage> said = conversation.messages(conversation.n_left_out);
  // What a next question begins with; templates want a question to end on.
  size_t n = 0;
  if (!conversation.exchanges.empty() || conversation.open) {
    TemplateOptions form = form_;
    form.generation_prompt = conversation.open.has_value();
    n = encode_chat(*session_.tokenizer, said, form).size();
  }
  std::string out = cat(
      "context      ", n, " of ", room, " tokens (",
      formatted("%.0f", 100 * ratio(static_cast<int64_t>(n), room)), "%), ",
      counted(static_cast<int64_t>(conversation.exchanges.size()), "exchange"),
      conversation.n_left_out > 0 ? cat(", the oldest ", conversation.n_left_out, " left out") : "", "\n");
  if (all_.n_answer == 0) return out + "no answers yet\n";
  const auto line = [](const char* name, const ChatCost& c) {
    return cat(name, c.n_prompt, " tokens of prompt, ", c.n_reused, " of them kept, the others at ",
               formatted("%.0f", ratio(c.prefill.tokens, c.prefill.seconds)), "/s\n             ",
               counted(c.n_token, "token"), " at ", formatted("%.1f", ratio(c.step.tokens, c.step.seconds)),
               "/s, ",
               formatted("%.1f", ratio(c.step.cost.expert_evaluations, static_cast<double>(c.step.tokens))),
               " experts a token\n");
  };
  out += line("last answer  ", last_);
  if (all_.n_answer > 1)
    out += line(formatted("%-13s", cat(all_.n_answer, " answers").c_str()).c_str(), all_);
  return out;
}

}  // namespace rouse
