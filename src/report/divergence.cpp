#include "report/divergence.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/source.h"

namespace rouse {

/// Texts of a file: records' `text`, or question and worked answer; else the whole of it.
static std::vector<std::string> texts_of(const std::string& path) {
  const Source source(path);
  if (path.find(".jsonl") == std::string::npos) return {source.text()};
  std::vector<std::string> out;
  source.convert(source.records(), [&](const JsonValue& r, size_t) -> EvalJson {
    if (r.find("question") && r.find("rationale"))
      out.push_back(cat("Question: ", text_field(r, "question"), "\nAnswer: ", text_field(r, "rationale"),
                        " The answer is ", text_field(r, "answer"), "."));
    else
      out.push_back(text_field(r, "text"));
    return nullptr;
  });
  return out;
}

Json divergence_report(DivergenceOptions o, const std::function<void(double)>& progress,
                       const std::atomic<bool>* stop) {
  std::vector<std::string> texts = texts_of(o.text);
  texts.resize(std::min(texts.size(), static_cast<size_t>(o.n_text)));
  const ModelSpec spec = read_spec(GgufFile(model_path(o.model)));
  require_usage(spec.router.moe(), "a dense model has no routings to compare");
  if (o.weak.empty()) {
    for (int j = 1; j <= std::min(8, spec.router.n_selectable()); ++j) o.weak.push_back(cat("rank:", j));
    o.weak.emplace_back("random:1");
  }
  const auto n_stream = static_cast<int>(o.weak.size()) + 1;
  o.model.n_ctx = o.n_token;
  const Session session(o.model, n_stream, o.amateur);
  const RoutingPolicy strong(o.strong, session.router());
  std::vector<RoutingPolicy> weak;
  for (const std::string& text : o.weak) weak.emplace_back(text, session.router());
  std::optional<RoutingPolicy> amateur;
  if (session.amateur_engine) amateur.emplace("topk", session.amateur_engine->spec().router);
  const auto rows = divergence(session.engines(), *session.tokenizer, strong, weak,
                               amateur ? &*amateur : nullptr, texts, o.n_token, progress, stop);
  if (stop && *stop) throw Error("interrupted", ErrorKind::interrupted);
  const auto known = [](double x) { return std::isnan(x) ? Json(nullptr) : Json(x); };
  Json out{{"model", session.engine->spec().name},
           {"fingerprint", session.engine->file().fingerprint()},
           {"text", o.text},
           {"texts", texts.size()},
           {"tokens_a_text", o.n_token},
           {"strong", strong.text()},
           {"rows", Json::array()}};
  for (const DivergenceRow& row : rows) {
    Json entry{{"other", row.other}, {"kl", Json::object()}, {"unchosen", known(row.unchosen)}};
    for (size_t kind = 0; kind < kTokenKinds; ++kind) {
      const auto& s = row.kl[kind];
      entry["kl"][token_kind_name(static_cast<TokenKind>(kind))] = {
          {"mean", known(s.mean)}, {"interval", {known(s.interval.low), known(s.interval.high)}}, {"n", s.n}};
    }
    out["rows"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace rouse
