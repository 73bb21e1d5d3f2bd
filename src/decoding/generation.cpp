#include "decoding/generation.h"

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

const char* stop_reason_text(StopReason reason) {
  switch (reason) {
    case StopReason::none:
      return "none";
    case StopReason::eos:
      return "eos";
    case StopReason::length:
      return "length";
    case StopReason::stop_string:
      return "stop";
    case StopReason::context:
      return "context";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "?";
}

Generation::Generation(Engine& engine, const Tokenizer& tokenizer, std::unique_ptr<Method> method,
                       std::vector<int> prompt, const GenerateOptions& options, OnText on_text)
    : engine_(engine),
      tokenizer_(tokenizer),
      method_(std::move(method)),
      options_(options),
      chooser_(options.sampling),
      on_text_(std::move(on_text)),
      prompt_(std::move(prompt)) {
  require_usage(!prompt_.empty(), "the prompt is empty: a model needs at least one token to continue");
  require_usage(options.n_predict >= 0, "-n is ", options.n_predict, ", expected 0 or more");
  for (const int token : prompt_)
    require_usage(token >= 0 && token < tokenizer.n_vocab(), "prompt token ", token, " is outside 0..",
                  tokenizer.n_vocab() - 1);
  const auto n_stream = static_cast<int>(method_->streams().size());
  const auto n_prompt = static_cast<int>(prompt_.size());
  require_usage(n_prompt * n_stream <= engine.n_free(), "the prompt has ", n_prompt, " tokens",
                n_stream > 1 ? cat(" on each of ", n_stream, " streams") : "", ", the context has room for ",
                engine.n_free(), "; raise -c or shorten the prompt");
  for (const RoutingPolicy& policy : method_->streams()) policy.choice().admit(n_prompt - 1);
  const int n_reserve = std::min(n_prompt + options.n_predict, engine.n_free() / n_stream);
  for (int s = 0; s < n_stream; ++s) sequences_.push_back(engine.open(n_reserve));
  history_ = prompt_;
  method_->append(prompt_);
  prefill_.tokens = n_prompt;
  if (options.n_predict == 0) stop_ = StopReason::length;
}

Generation::~Generation() {
  for (const SeqId seq : sequences_) engine_.close(seq);
}

Batch Generation::next() {
  asks_ = method_->ask();
  Batch batch;
  for (const Ask& ask : asks_) {
    RowGroup group{&method_->streams()[static_cast<size_t>(ask.stream)], {}};
    for (const int token : ask.tokens)
      group.rows.push_back({sequences_[static_cast<size_t>(ask.stream)], token, Output::none});
    group.rows.back().output = ask.output;
    batch.push_back(std::move(group));
  }
  return batch;
}

void Generation::take(const StepResult& result, size_t row, double seconds) {
  const size_t first_row = row;
  Cost cost{.steps = result.cost.steps};
  bool prompt = false;
  std::vector<Answer> answers;
  for (const Ask& ask : asks_) {
    prompt = prompt || ask.prompt;
    if (!result.routing.empty()) {
      const int64_t first = engine_.length(sequences_[static_cast<size_t>(ask.stream)]) -
                            static_cast<int64_t>(ask.tokens.size());
      for (size_t i = 0; i < ask.tokens.size(); ++i)
        routed_.push_back(
            {ask.stream, ask.tokens[i], first + static_cast<int64_t>(i), result.routing[row + i]});
    }
    row += ask.tokens.size();
    Answer answer;
    cost.head_rows += ask.output == Output::logits;
    if (ask.output == Output::logits) answer.logits = allowed(result.logits(row - 1), answers.size());
    if (ask.output != Output::none) answer.hidden = result.hidden(row - 1);
    answer.columns = [this, hidden = answer.hidden](std::span<const int> tokens, std::span<float> out) {
      engine_.head().columns(hidden, tokens, out);
    };
    answers.push_back(std::move(answer));
  }
  const auto begin = std::chrono::steady_clock::now();
  if (method_->answer(answers, scores_)) choose();
  Phase& phase = prompt ? prefill_ : step_;
  phase.seconds += seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  cost.rows = static_cast<int64_t>(row - first_row);
  for (size_t r = first_row; r < row; ++r) cost.expert_evaluations += result.row_evaluations[r];
  cost.weight_bytes = result.cost.weight_bytes * cost.rows / result.cost.rows;
  phase.cost += cost;
}

/// The logits without forbidden tokens. Before the method sees them: SCMoE's plausible set must not consist
/// of one.
std::span<const float> Generation::allowed(std::span<const float> logits, size_t slot) {
  if (!options_.ignore_eos) return logits;
  allowed_.resize(std::max(allowed_.size(), slot + 1));
  std::vector<float>& copy = allowed_[slot];
  copy.assign(logits.begin(), logits.end());
  for (const int token : tokenizer_.end_tokens()) copy[static_cast<size_t>(token)] = -INFINITY;
  return copy;
}

void Generation::choose() {
  const int token = chooser_.pick(scores_, history_);
  if (!tokens_.empty()) ++step_.tokens;
  if (tokenizer_.ends_generation(token)) {
    stop_ = StopReason::eos;
  } else {
    emit(token);
  }
  if (!done() && static_cast<int>(tokens_.size()) >= options_.n_predict) stop_ = StopReason::length;
  // The next step appends at most this token and, on a lagging stream, everything that it still lacks.
  int needed = 0;
  for (const SeqId seq : sequences_) needed += static_cast<int>(history_.size()) - engine_.length(seq);
  if (!done() && needed > engine_.n_free()) stop_ = StopReason::context;
  publish(done());
  if (!done()) method_->append(std::span(&history_.back(), 1));
}

void Generation::emit(int token) {
  tokens_.push_back(token);
  history_.push_back(token);
  text_ += tokenizer_.piece(token);
  for (const std::string& stop : options_.stop) {
    const size_t from = text_.size() > stop.size() + 64 ? text_.size() - stop.size() - 64 : 0;
    const size_t at = stop.empty() ? std::string::npos : text_.find(stop, from);
    if (at == std::string::npos) continue;
    text_.resize(at);
    stop_ = StopReason::stop_string;
    return;
  }
}

/// Hands out text that is certain: whole characters, and nothing that may grow into a stop string.
void Generation::publish(bool final) {
  if (!on_text_) return;
  size_t end = final ? text_.size() : complete_utf8_prefix(text_);
  if (!final)
    for (const std::string& stop : options_.stop)
      for (size_t n = std::min(stop.size(), text_.size()); n > 0; --n)
        if (text_.compare(text_.size() - n, n, stop, 0, n) == 0) {
          end = std::min(end, text_.size() - n);
          break;
        }
  if (end <= published_) return;
  on_text_(text_.substr(published_, end - published_));
  published_ = end;
}

void run_generations(Engine& engine, std::span<Generation* const> generations,
                     const std::atomic<bool>* interrupted) {
  for (;;) {
    Batch batch;
    std::vector<std::pair<Generation*, size_t>> owners;  // and where their rows begin
    size_t n_row = 0;
    for (Generation* generation : generations) {
      if (interrupted && *interrupted && !generation->done()) generation->cancel();
      if (generation->done()) continue;
      owners.emplace_back(generation, n_row);
      for (RowGroup& group : generation->next()) {
        n_row += group.rows.size();
        batch.push_back(std::move(group));
      }
    }
    if (owners.empty()) return;
    const auto begin = std::chrono::steady_clock::now();
    const StepResult& result = engine.run(batch);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (const auto& [generation, row] : owners) generation->take(result, row, seconds);
  }
}

}  // namespace rouse
