#include "server/metrics.h"

#include "base/text.h"

namespace rouse {
namespace {

std::string head(const std::string& name, const char* type, const std::string& help) {
  return cat("# HELP ", name, ' ', help, "\n# TYPE ", name, ' ', type, '\n');
}

std::string counter(const std::string& name, const std::string& help, double value) {
  return head(name, "counter", help) + cat(name, ' ', number_text(value), '\n');
}

}  // namespace

void Metrics::Histogram::add(double seconds) {
  size_t i = 0;
  while (i < kBounds.size() && seconds > kBounds[i]) ++i;
  ++count[i];
  sum += seconds;
}

std::string Metrics::Histogram::text(const std::string& name, const std::string& help) const {
  std::string out = head(name, "histogram", help);
  uint64_t n = 0;
  for (size_t i = 0; i < count.size(); ++i) {
    n += count[i];
    const std::string bound = i < kBounds.size() ? number_text(kBounds[i]) : "+Inf";
    out += cat(name, "_bucket{le=\"", bound, "\"} ", n, '\n');
  }
  return out + cat(name, "_sum ", number_text(sum), '\n', name, "_count ", n, '\n');
}

void Metrics::count_reply(const std::string& route, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++replies_[{route, status}];
  reply_.add(seconds);
}

void Metrics::count_first_token(double seconds) {
  const std::lock_guard lock(mutex_);
  first_token_.add(seconds);
}

void Metrics::count_text(const Generation& g) {
  const std::lock_guard lock(mutex_);
  ++stops_[stop_reason_text(g.stop_reason())];
  prompt_tokens_ += g.prompt().size();
  reused_tokens_ += static_cast<uint64_t>(g.reused());
  tokens_ += g.tokens().size();
  prefill_ += g.prefill().cost;
  step_ += g.step().cost;
  prefill_seconds_ += g.prefill().seconds;
  step_seconds_ += g.step().seconds;
}

std::string Metrics::text(const Engine& engine, const std::map<std::string, double>& now) const {
  const std::lock_guard lock(mutex_);
  std::string out = head("rouse_replies_total", "counter", "Replies by route and status.");
  for (const auto& [key, n] : replies_)
    out += cat("rouse_replies_total{route=\"", key.first, "\",status=\"", key.second, "\"} ", n, '\n');
  out += head("rouse_texts_total", "counter", "Texts that ended, by why.");
  for (const auto& [reason, n] : stops_) out += cat("rouse_texts_total{stop=\"", reason, "\"} ", n, '\n');
  out += reply_.text("rouse_reply_seconds", "Seconds from a request's last byte to its reply's.");
  out += first_token_.text("rouse_first_token_seconds", "Seconds from admission to the first token.");
  const auto number = [](auto n) { return static_cast<double>(n); };
  out += counter("rouse_prompt_tokens_total", "Tokens of prompts.", number(prompt_tokens_));
  out += counter("rouse_reused_prompt_tokens_total", "Of those, kept from another text.",
                 number(reused_tokens_));
  out += counter("rouse_tokens_total", "Tokens generated.", number(tokens_));
  out += counter("rouse_rows_total", "Rows of the model.", number(prefill_.rows + step_.rows));
  out += counter("rouse_expert_evaluations_total", "Experts evaluated: (row, block, expert).",
                 number(prefill_.expert_evaluations + step_.expert_evaluations));
  out += counter("rouse_weight_bytes_total", "Bytes of weights read, each once a batch.",
                 number(prefill_.weight_bytes + step_.weight_bytes));
  out += head("rouse_expert_reads_total", "counter", "Experts whose weights a batch read, by block.");
  for (const int block : engine.spec().router.layers)
    out += cat("rouse_expert_reads_total{block=\"", block, "\"} ", engine.expert_reads(block), '\n');
  out += counter("rouse_prefill_seconds_total", "Seconds of prompts, by text.", prefill_seconds_);
  out += counter("rouse_step_seconds_total", "Seconds of steps, by text.", step_seconds_);
  for (const auto& [name, value] : now)
    out += head(name, "gauge", "At this moment.") + cat(name, ' ', number_text(value), '\n');
  return out;
}

}  // namespace rouse
