#include "calibration/steer_fit.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/lines.h"

namespace rouse {

std::vector<SteerText> read_steer_texts(const std::string& path, const Tokenizer& tokenizer, int n_limit) {
  std::vector<SteerText> out;
  for (LineReader in(path, "texts"); in.next();) {
    if (in.blank()) continue;
    if (n_limit > 0 && static_cast<int>(out.size()) == n_limit) break;
    const Json json = parse_json(in.line(), in.where());
    const JsonValue record(json, in.where());
    const auto prompt = record.find("prompt");
    SteerText text;
    text.tokens = tokenizer.encode(prompt ? prompt->text(LineReader::kMostBytes) : "", true, false);
    text.first = text.tokens.size();
    const std::vector<int> own =
        tokenizer.encode(record.at("text").text(LineReader::kMostBytes), false, false);
    if (own.empty()) record.at("text").refuse("a text of at least one token");
    text.tokens.insert(text.tokens.end(), own.begin(), own.end());
    out.push_back(std::move(text));
  }
  require_usage(!out.empty(), path, ": has no texts");
  return out;
}

namespace {

/// How many counted rows activated each expert [L][E].
struct Activations {
  std::vector<std::vector<int64_t>> used;
  int64_t n_row = 0;
};

Activations count(const Session& session, std::span<const SteerText> texts,
                  const std::function<void(double)>& progress, const std::atomic<bool>* stop) {
  const RouterSpec& router = session.router();
  const RoutingPolicy policy("topk", router);
  Engine& engine = *session.engine;
  Activations out;
  out.used.assign(router.layers.size(), std::vector<int64_t>(static_cast<size_t>(router.n_expert)));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (stop && *stop) throw Error("interrupted; nothing was written", ErrorKind::interrupted);
    const std::vector<int>& tokens = texts[i].tokens;
    require_of(static_cast<int>(tokens.size()) <= engine.n_ctx(), ErrorKind::usage, "n_ctx", "text ", i + 1,
               " has ", tokens.size(), " tokens, the context ", engine.n_ctx());
    const SeqId seq = engine.open(static_cast<int>(tokens.size()));
    RowGroup group{&policy, {}};
    for (const int token : tokens) group.rows.push_back({seq, token, Output::none});
    const StepResult& r = engine.run({.batch = {&group, 1}, .taps = {.routing = true}});
    engine.close(seq);
    for (size_t row = texts[i].first; row < tokens.size(); ++row) {
      r.require_sound(row);
      for (size_t l = 0; l < out.used.size(); ++l)
        for (const int e : r.routing[row][l].experts) ++out.used[l][static_cast<size_t>(e)];
      ++out.n_row;
    }
    if (progress) progress(static_cast<double>(i + 1) / static_cast<double>(texts.size()));
  }
  return out;
}

}  // namespace

SteerFile fit_steer(const Session& session, std::span<const SteerText> wanted,
                    std::span<const SteerText> unwanted, const std::function<void(double)>& progress,
                    const std::atomic<bool>* stop) {
  require_usage(session.router().moe(), "a dense model has no experts to steer");
  require_usage(wanted.size() == unwanted.size(), "steering is learned from pairs: there are ", wanted.size(),
                " texts for and ", unwanted.size(), " against");
  const auto half = [&](double begin) {
    return [&progress, begin](double done) {
      if (progress) progress(begin + done / 2);
    };
  };
  const Activations a = count(session, wanted, half(0), stop), b = count(session, unwanted, half(0.5), stop);
  const ModelSpec& spec = session.engine->spec();
  SteerFile file = SteerFile::empty(spec.router, spec.arch, spec.n_layer);
  file.n_for = a.n_row, file.n_against = b.n_row;
  for (size_t l = 0; l < a.used.size(); ++l)
    for (size_t e = 0; e < a.used[l].size(); ++e)
      file.difference[l][e] = static_cast<double>(a.used[l][e]) / static_cast<double>(a.n_row) -
                              static_cast<double>(b.used[l][e]) / static_cast<double>(b.n_row);
  return file;
}

SteerFile import_steer(const std::string& path, const ModelSpec& spec) {
  require_usage(spec.router.moe(), "a dense model has no experts to steer");
  SteerFile file = SteerFile::empty(spec.router, spec.arch, spec.n_layer);
  for (LineReader in(path, "list"); in.next();) {
    if (in.blank()) continue;
    const Json json = parse_json(in.line(), in.where());
    const JsonValue record(json, in.where());
    const auto layer = static_cast<int>(record.at("layer").integer(0, spec.n_layer - 1));
    const auto expert = static_cast<size_t>(record.at("expert").integer(0, file.n_expert - 1));
    if (!std::count(file.layers.begin(), file.layers.end(), layer))
      record.at("layer").refuse("an MoE layer of this model");
    double& difference = file.difference[layer_index(file.layers, layer)][expert];
    if (!std::isnan(difference)) record.at("expert").refuse("an expert that is not listed before");
    difference = record.at("risk_diff").real(-1, 1);
  }
  require_usage(!steered_experts(file, 1).empty(), path, ": lists no expert with a difference");
  return file;
}

}  // namespace rouse
