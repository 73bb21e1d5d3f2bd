#include "server/answers.h"

#include <openssl/rand.h>

#include <ctime>

#include "base/text.h"
#include "base/unicode.h"
#include "server/exchange.h"
#include "server/tool_calls.h"
#include "session/prompt.h"

namespace rouse {
namespace {

/// A token's name in a completion's log-probabilities; that of a part of a character is written as OpenAI
/// does.
std::string name_of(const Tokenizer& tokenizer, int token) {
  const std::string piece = tokenizer.piece(token, true);
  if (is_utf8(piece)) return piece;
  std::string out = "bytes:";
  for (const char c : piece) out += formatted("\\x%02x", static_cast<unsigned char>(c));
  return out;
}

Json bytes_of(const std::string& text) {
  Json out = Json::array();
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

}  // namespace

Echo echo_of(const PromptOptions& prompt, const Tokenizer& tokenizer) {
  Echo out{prompt.prompt, prompt_tokens(prompt, tokenizer), {}};
  const bool given = !prompt.prompt.empty();
  const int bos = out.tokens.empty() ? -1 : out.tokens[0];
  // Not a part of the text: the BOS that is added to it, or stands for an empty one.
  const bool added = bos >= 0 && bos == tokenizer.bos() &&
                     (given ? !out.text.starts_with(tokenizer.piece(bos, true)) : out.tokens.size() == 1);
  const std::vector<int> own(out.tokens.begin() + added, out.tokens.end());
  const std::string whole = tokenizer.decode(own, true);
  if (!given) out.text = whole;
  // A vocabulary's own space before the first word is none of the text's.
  size_t n_lead = n_character(whole) - std::min(n_character(whole), n_character(out.text));
  for (size_t i = 0; i < out.tokens.size(); ++i) {
    NamedScore& s = out.scores.emplace_back(NamedScore{out.tokens[i], 0, false});
    if (i == 0 && added) continue;
    const size_t n = n_character(tokenizer.piece(s.token, true)), lead = std::min(n, n_lead);
    s.n_character = n - lead;
    n_lead -= lead;
  }
  return out;
}

std::vector<NamedScore> AnswerWriter::named(std::span<const int> tokens,
                                            std::span<const TokenScore> scores) const {
  std::vector<NamedScore> out;
  for (size_t i = 0; i < std::min(tokens.size(), scores.size()); ++i)
    out.push_back({tokens[i], scores[i].method, true, scores[i].top,
                   n_character(service_.tokenizer().piece(tokens[i]))});
  return out;
}

Json finish_reason(StopReason stop) {
  switch (stop) {
    case StopReason::eos:
    case StopReason::stop_string:
    case StopReason::grammar:
      return "stop";
    case StopReason::length:
    case StopReason::context:
      return "length";
    case StopReason::none:
    case StopReason::cancelled:
    case StopReason::failed:
      break;
  }
  return nullptr;
}

std::string random_id() {
  std::array<unsigned char, 12> bytes{};
  require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no random numbers");
  std::string out;
  for (const unsigned char b : bytes) out += formatted("%02x", b);
  return out;
}

AnswerWriter::AnswerWriter(const Service& service, const Call& call)
    : service_(service),
      call_(call),
      id_((call.chat ? "chatcmpl-" : "cmpl-") + random_id()),
      created_(std::time(nullptr)) {
  for (size_t i = 0; i < call.texts.size(); ++i)
    for (int n = 0; n < call.texts[i].n_sample; ++n) samples_.push_back({i, n});
  n_written_.resize(samples_.size());
}

Json AnswerWriter::head(bool chunk) const {
  return {{"id", id_},
          {"object", call_.chat ? (chunk ? "chat.completion.chunk" : "chat.completion") : "text_completion"},
          {"created", created_},
          {"model", call_.model},
          {"system_fingerprint", service_.fingerprint().substr(0, 16)}};
}

Json AnswerWriter::log_probs(std::span<const NamedScore> scores, size_t n_before) const {
  const Tokenizer& t = service_.tokenizer();
  if (call_.chat) {
    Json content = Json::array();
    const auto entry = [&](int token, double log_prob) {
      const std::string text = t.piece(token, true);  // what is no UTF-8 is replaced, and stands in bytes
      return Json{{"token", text}, {"logprob", log_prob}, {"bytes", bytes_of(text)}};
    };
    for (const NamedScore& s : scores) {
      Json one = entry(s.token, s.log_prob);
      one["top_logprobs"] = Json::array();
      for (const auto& [token, log_prob] : s.top) one["top_logprobs"].push_back(entry(token, log_prob));
      content.push_back(std::move(one));
    }
    return {{"content", std::move(content)}, {"refusal", nullptr}};
  }
  Json tokens = Json::array(), log_probs = Json::array(), top = Json::array(), offsets = Json::array();
  for (const NamedScore& s : scores) {
    const std::string text = name_of(t, s.token);
    tokens.push_back(text);
    offsets.push_back(n_before);
    n_before += s.n_character;
    log_probs.push_back(s.known ? Json(s.log_prob) : Json());
    Json best = Json::object();
    for (const auto& [token, log_prob] : s.top) best.emplace(name_of(t, token), log_prob);
    if (s.known) best[text] = s.log_prob;  // tokens of one spelling: the one at hand counts
    top.push_back(s.known ? std::move(best) : Json());
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(log_probs)},
          {"top_logprobs", std::move(top)},
          {"text_offset", std::move(offsets)}};
}

std::vector<NamedScore> AnswerWriter::scores(const Generation& g) const {
  std::vector<NamedScore> out = named(g.tokens(), g.scores());
  add_end_token(g, out);
  return out;
}

/// Clients of completions count it.
void AnswerWriter::add_end_token(const Generation& g, std::vector<NamedScore>& scores) const {
  if (!call_.chat && g.end_token())
    scores.push_back({g.end_token()->first, g.end_token()->second.method, true, g.end_token()->second.top});
}

Result AnswerWriter::result(const LiveTexts& texts, size_t i) const {
  const Request& request = call_.texts[samples_[i].call];
  return result_of(texts.generation(i), of_sample(request.method, samples_[i].number),
                   service_.session().router());
}

/// {"content", "tool_calls"} of a text that was shown tools.
Json AnswerWriter::said(const Generation& g, bool streamed) const {
  Json out{{"content", g.answer_text()}};
  if (!call_.tools) return out;
  std::vector<int> tokens = g.tokens();
  if (g.end_token()) tokens.push_back(g.end_token()->first);
  const SaidWithCalls said = split_tool_calls(g.answer_text(), service_.tokenizer().decode(tokens, true));
  if (said.calls.empty()) return out;
  out["content"] = said.text.empty() ? Json() : Json(said.text);
  for (const ToolCall& call : said.calls) {
    Json one{{"id", "call_" + random_id()},
             {"type", "function"},
             {"function", {{"name", call.name}, {"arguments", dump(call.arguments)}}}};
    if (streamed) one["index"] = out.contains("tool_calls") ? out["tool_calls"].size() : 0;
    out["tool_calls"].push_back(std::move(one));
  }
  return out;
}

Json AnswerWriter::choice(const LiveTexts& texts, size_t i, std::span<const Echo> echoes) const {
  const Generation& g = texts.generation(i);
  const Echo* echo = echoes.empty() ? nullptr : &echoes[samples_[i].call];
  Json out{{"index", i}};
  bool calls = false;
  if (call_.chat) {
    Json message{{"role", "assistant"}, {"refusal", nullptr}};
    message.update(said(g, false));
    calls = message.contains("tool_calls");
    if (const std::string reasoning = g.reasoning(); !reasoning.empty())
      message["reasoning_content"] = reasoning;
    out["message"] = std::move(message);
  } else {
    out["text"] = (echo ? echo->text : "") + g.answer_text();
  }
  out["logprobs"] = nullptr;
  if (call_.log_probs) {
    std::vector<NamedScore> all = echo ? echo->scores : std::vector<NamedScore>();
    const std::vector<NamedScore> own = scores(g);
    all.insert(all.end(), own.begin(), own.end());
    out["logprobs"] = log_probs(all);
  }
  out["finish_reason"] = calls ? "tool_calls" : finish_reason(g.stop_reason());
  if (call_.token_ids) {
    out["token_ids"] = g.tokens();
    out["prompt_token_ids"] = g.prompt();
  }
  add_routes(texts, i, out);
  return out;
}

/// Which experts chose each token of the answer, and how sure the routers were of them.
void AnswerWriter::add_routes(const LiveTexts& texts, size_t i, Json& out) const {
  if (call_.experts) out["routed_experts"] = result(texts, i).experts;
  if (!call_.gates) return;
  const Generation& g = texts.generation(i);
  const auto first = static_cast<int64_t>(g.prompt().size()) - 1;
  out["routed_gates"] = Json::array();
  for (const RoutedPosition& row : g.routed()) {
    if (row.stream != 0 || row.position < first) continue;
    Json blocks = Json::array();
    for (const RoutedRow& block : row.layers) blocks.push_back(block.gates);
    out["routed_gates"].push_back(std::move(blocks));
  }
}

Json AnswerWriter::usage(const LiveTexts& texts) const {
  size_t prompt = 0, answer = 0, kept = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const Generation& g = texts.generation(i);
    answer += g.tokens().size();
    if (samples_[i].number > 0) continue;
    prompt += g.prompt().size();
    kept += static_cast<size_t>(g.reused());
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", answer},
          {"total_tokens", prompt + answer},
          {"prompt_tokens_details", {{"cached_tokens", kept}}}};
}

Json AnswerWriter::rouse(const LiveTexts& texts) const {
  Cost prefill, step;
  Phase times;
  int64_t tokens = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const Generation& g = texts.generation(i);
    prefill += g.prefill().cost;
    step += g.step().cost;
    tokens += g.step().tokens;
    times.seconds = std::max(times.seconds, g.step().seconds);
  }
  const Result first = result(texts, 0);
  Json cost{{"prefill", cost_json(prefill)}, {"step", cost_json(step)}};
  if (tokens > 0)
    cost["expert_evaluations_per_token"] =
        static_cast<double>(step.expert_evaluations) / static_cast<double>(tokens);
  return {{"method", first.method},           {"policy", first.policy},
          {"policy_hash", first.policy_hash}, {"model_fingerprint", service_.fingerprint()},
          {"cost", std::move(cost)},          {"timings", timings_json(texts.generation(0))},
          {"logprobs_of", "method"},          {"ignored", call_.ignored}};
}

Json AnswerWriter::whole(const LiveTexts& texts, std::span<const Echo> echoes) const {
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts.generation(i).error()) throw *texts.generation(i).error();
  Json out = head(false);
  out["choices"] = Json::array();
  for (size_t i = 0; i < texts.size(); ++i) out["choices"].push_back(choice(texts, i, echoes));
  out["usage"] = usage(texts);
  out["rouse"] = rouse(texts);
  return out;
}

Json AnswerWriter::chunk_of(size_t text, Json delta, Json log_probs, Json finish) const {
  Json out = head(true), choice{{"index", text}};
  if (call_.chat)
    choice["delta"] = std::move(delta);
  else
    choice["text"] = std::move(delta);
  choice["logprobs"] = std::move(log_probs);
  choice["finish_reason"] = std::move(finish);
  out["choices"] = Json::array({std::move(choice)});
  return out;
}

Json AnswerWriter::first_chunk(size_t text) const {
  return chunk_of(text, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
}

Json AnswerWriter::chunk(const News& news) {
  Json scores;
  size_t& n_before = n_written_[news.text];
  if (call_.log_probs && !news.scores.empty()) scores = log_probs(named(news.tokens, news.scores), n_before);
  for (const int token : news.tokens) n_before += n_character(service_.tokenizer().piece(token));
  if (!call_.chat) return chunk_of(news.text, news.piece, std::move(scores), nullptr);
  Json delta = Json::object();
  if (!news.reasoning.empty()) delta["reasoning_content"] = news.reasoning;
  if (!news.piece.empty() && !call_.tools) delta["content"] = news.piece;
  Json out = chunk_of(news.text, std::move(delta), std::move(scores), nullptr);
  if (call_.token_ids) out["choices"][0]["token_ids"] = news.tokens;
  return out;
}

Json AnswerWriter::last_chunk(const LiveTexts& texts, size_t i) const {
  const Generation& g = texts.generation(i);
  Json delta = call_.chat ? Json::object() : Json(""), finish = finish_reason(g.stop_reason());
  if (call_.tools) delta = said(g, true);  // what looked like a call was held back
  if (delta.is_object() && delta.contains("tool_calls")) finish = "tool_calls";
  std::vector<NamedScore> end;
  if (call_.log_probs) add_end_token(g, end);
  Json out =
      chunk_of(i, std::move(delta), end.empty() ? Json() : log_probs(end, n_written_[i]), std::move(finish));
  add_routes(texts, i, out["choices"][0]);
  if (texts.ended()) out["rouse"] = rouse(texts);
  return out;
}

Json AnswerWriter::usage_chunk(const LiveTexts& texts) const {
  Json out = head(true);
  out["choices"] = Json::array();
  out["usage"] = usage(texts);
  return out;
}

}  // namespace rouse
