/// server/laboratory.cpp - what only rouse can be asked: texts side by side under several routings, given
/// texts scored, experts banned and forced, gates shown.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "calibration/whatif.h"
#include "decoding/scoring.h"
#include "routing/route.h"
#include "server/answers.h"
#include "server/routes.h"
#include "session/prompt.h"

namespace rouse {
namespace {

constexpr size_t kMostLanes = 8;

/// Lanes of a body: each {"name", "method", "routing", options}, over what the body says itself.
struct Lanes {
  std::vector<std::string> names;
  std::vector<Request> requests;
};

Lanes lanes_of(const Service& service, const Json& body, std::initializer_list<const char*> own) {
  Json common = body;
  const JsonValue value(body, "");
  (void)value.fields();
  for (const char* name : own) common.erase(name);
  Lanes out;
  Json one = Json::array({Json::object()});
  const auto lanes = value.find("lanes");
  const JsonValue list = lanes ? *lanes : JsonValue(one, "lanes");
  for (const JsonValue& lane : list.list(1, kMostLanes)) {
    Json record = common;
    (void)lane.fields();
    record.update(lane.json());
    const auto name = lane.find("name");
    out.names.push_back(name ? name->text(256) : cat(out.names.size()));
    try {
      out.requests.push_back(read_lane(service, record));
      (void)make_method(out.requests.back().method, service.session().models());
    } catch (const Error& e) {
      throw lanes ? e.within("lane " + out.names.back()) : e;
    }
  }
  return out;
}

std::string lane_method(const Service& s, const Request& r) {
  return method_text(resolved(r.method, s.session().router()));
}

bool wants_stream(const Json& body) {
  const auto streamed = JsonValue(body, "").find("stream");
  return streamed && streamed->boolean();
}

Json texts_of(const Tokenizer& tokenizer, std::span<const int> tokens) {
  Json out = Json::array();
  for (const int token : tokens) out.push_back(tokenizer.piece(token, true));
  return out;
}

/// A lane's result with the text of every token beside it, for who shows them.
void name_tokens(const Tokenizer& tokenizer, Json& result) {
  result["pieces"] = texts_of(tokenizer, result["tokens"].get<std::vector<int>>());
  if (!result.contains("top_log_probs")) return;
  for (Json& row : result["top_log_probs"])
    for (Json& t : row) t["text"] = tokenizer.piece(t["token"].get<int>(), true);
}

}  // namespace

void compare(Exchange& x) {
  const bool streamed = wants_stream(x.body);
  auto lanes = std::make_shared<Lanes>(lanes_of(x.service, x.body, {"lanes", "stream"}));
  for (const Request& r : lanes->requests)
    require_option(r.n_sample == 1, "n", " is ", r.n_sample, ", but a lane holds one text");
  const std::shared_ptr<LiveTexts> texts =
      x.service.start(lanes->requests, streamed ? Telling::every_round : Telling::at_the_end);
  Service& service = x.service;
  const auto result = [&service, lanes, texts](size_t i) {
    if (const auto& error = texts->generation(i).error()) throw *error;
    Json out{{"lane", lanes->names[i]}};
    out.update(generation_json(texts->generation(i), lanes->requests[i].method, service.session().router()));
    name_tokens(service.tokenizer(), out);
    return out;
  };
  if (streamed)
    return stream(x, [&service, lanes, texts, result](EventSink& sink) {
      follow(
          service, *texts, [&] { return !sink.open(); },
          [&](const News& news) {
            Json event{{"lane", lanes->names[news.text]}, {"text", news.piece}, {"tokens", news.tokens}};
            event["pieces"] = texts_of(service.tokenizer(), news.tokens);
            if (!news.reasoning.empty()) event["reasoning"] = news.reasoning;
            sink.send(event);
            if (news.ended) sink.send({{"lane", lanes->names[news.text]}, {"result", result(news.text)}});
          },
          [&] { sink.comment(); });
    });
  follow(service, *texts, [&] { return x.gone(); });
  Json out = Json::array();
  for (size_t i = 0; i < texts->size(); ++i) out.push_back(result(i));
  x.reply({{"lanes", std::move(out)}});
}

void score(Exchange& x) {
  constexpr size_t kMost = 256, kMostText = size_t{1} << 20;
  Service& service = x.service;
  const JsonValue body(x.body, "");
  const std::vector<std::string> continuations = [&] {
    std::vector<std::string> out;
    for (const JsonValue& c : body.at("continuations").list(1, kMost)) {
      out.push_back(c.text(kMostText));
      require_option(!out.back().empty(), "continuations", " holds an empty text");
    }
    return out;
  }();
  const std::string context = body.at("context").text(kMostText);
  const Lanes lanes = lanes_of(service, x.body, {"lanes", "context", "continuations"});
  const EncodedPairs pairs = encode_pairs(service.tokenizer(), {{context, true}}, continuations);
  int n_cell = static_cast<int>(pairs.context.size());
  for (size_t i = 0; i < pairs.continuations.size(); ++i) {
    require_option(!pairs.continuations[i].empty(), "continuations", "[", i,
                   "] has no token of its own behind this context");
    n_cell += static_cast<int>(pairs.continuations[i].size());
  }
  Json out = Json::array();
  for (size_t i = 0; i < lanes.requests.size(); ++i) {
    Scored scored;
    auto method = make_method(lanes.requests[i].method, service.session().models());
    const auto streams = static_cast<int>(method->streams().size());
    service.run(
        [&] {
          Scorer scorer(service.session().engines(), std::move(method));
          const ScoreRequest wanted{pairs.context, pairs.continuations};
          scored = std::move(scorer.score({&wanted, 1})[0]);
        },
        streams * std::min(n_cell, service.session().engine->n_ctx()));
    if (scored.error) throw *scored.error;
    Json sums = Json::array();
    for (const auto& log_probs : scored.log_probs) {
      double sum = 0;
      for (const double p : log_probs) sum += p;
      sums.push_back(sum);
    }
    out.push_back({{"lane", lanes.names[i]},
                   {"method", lane_method(service, lanes.requests[i])},
                   {"log_probs", scored.log_probs},
                   {"sums", std::move(sums)}});
  }
  x.reply({{"context_tokens", pairs.context}, {"continuation_tokens", pairs.continuations}, {"lanes", out}});
}

namespace {

/// The question's text: "continuation", a text, or "continuation_tokens" behind the prompt's.
EncodedPairs pair_of(const Service& service, const PromptOptions& prompt, const JsonValue& body) {
  const Tokenizer& t = service.tokenizer();
  if (const auto ids = body.find("continuation_tokens"))
    return {prompt_tokens(prompt, t), {ids->integers(1, 1 << 20, 0, t.n_vocab() - 1)}};
  return prompt_pair(prompt, t, prompt.prompt, body.at("continuation").text(size_t{1} << 20));
}

WhatIf read_question(const Service& service, const Json& asked) {
  const RouterSpec& router = service.session().router();
  Json prompt = asked;
  const JsonValue body(asked, "");
  (void)body.fields();
  for (const char* own :
       {"continuation", "continuation_tokens", "ban", "force", "token", "rank", "stream", "control"})
    prompt.erase(own);
  const Request request = read_lane(service, prompt);
  EncodedPairs pair = pair_of(service, request.prompt, body);
  require_option(!pair.continuations[0].empty(), "continuation", " has no token of its own");
  WhatIf out{std::move(pair.context), std::move(pair.continuations[0]), 0, {}, false};
  out.routing = request.method.routing;
  out.files = request.method.files.get();
  if (const auto token = body.find("token")) out.token = static_cast<int>(token->integer(0, 1 << 20));
  if (const auto rank = body.find("rank")) out.rank = rank->boolean();
  if (const auto control = body.find("control")) out.control = control->boolean();
  for (const char* how : {"ban", "force"})
    if (const auto experts = body.find(how))
      for (const std::string& e : experts->texts(1, 4096)) try {
          out.questions.push_back({parse_expert(how, e, router), std::string_view(how) == "ban"});
        } catch (const Error& wrong) {
          throw Error(wrong.what(), wrong.kind(), how);
        }
  if (!out.rank && out.questions.empty())
    throw Error("give ban, force, or rank: true", ErrorKind::usage, "ban");
  const bool one_token = out.token > 0 || out.continuation.size() == 1;
  require_option(!out.rank || one_token, "rank", " wants one token: give token");
  require_option(!out.control || one_token, "control", " wants one token: give token");
  return out;
}

/// Blocks that are asked about: one after the other they take their time.
size_t n_block(const WhatIf& question, const RouterSpec& router) {
  std::set<int> blocks;
  for (const ExpertQuestion& q : question.questions) blocks.insert(q.expert.first);
  return question.rank ? router.layers.size() : blocks.size();
}

Json answers_of(Service& service, const WhatIf& question, const std::function<bool()>& gone,
                const std::function<void(double)>& on_progress) {
  Engine& engine = *service.session().engine;
  Json answers;
  run_long(
      service,
      [&](const std::function<void(double)>& progress, const std::atomic<bool>& stop) {
        engine.kept().clear();  // a probe takes many cells
        answers = what_if(engine, service.tokenizer(), question, progress, &stop);
      },
      probe_cells(static_cast<int>(question.prompt.size() + question.continuation.size())), gone,
      on_progress);
  return {{"answers", std::move(answers)}};
}

}  // namespace

void whatif(Exchange& x) {
  Service& service = x.service;
  const Session& session = service.session();
  require_usage(session.router().moe(), "a dense model has no experts to ban or force");
  const WhatIf question = read_question(service, x.body);
  const size_t n = question.prompt.size() + question.continuation.size();
  require_room(static_cast<int>(n) <= session.engine->n_ctx(), "n_ctx", "a text of ", n,
               " tokens does not fit the context of ", session.engine->n_ctx());
  if (!wants_stream(x.body)) return x.reply(answers_of(service, question, [&] { return x.gone(); }, {}));
  stream(x, [&service, question, total = n_block(question, session.router())](EventSink& sink) {
    const Json result = answers_of(
        service, question, [&] { return !sink.open(); },
        [&](double part) {
          sink.send({{"done", std::lround(part * static_cast<double>(total))}, {"total", total}});
        });
    sink.send({{"result", result}});
  });
}

/// Of one row, by block: the chosen experts and their gates; and the n_next best of the others.
static Json gates_json(const RouterSpec& router, std::span<const RoutedRow> blocks, int n_next) {
  Json out{{"experts", Json::array()}, {"gates", Json::array()}};
  for (const RoutedRow& block : blocks) {
    out["experts"].push_back(block.experts);
    out["gates"].push_back(block.gates);
    if (n_next == 0) continue;
    std::vector<float> gates(block.logits.size());
    router_gates(router, block.logits, gates);
    std::vector<int> others;
    for (int e = 0; e < router.n_expert; ++e)
      if (std::ranges::count(block.experts, e) == 0) others.push_back(e);
    std::ranges::stable_sort(others, std::greater(), [&](int e) { return gates[static_cast<size_t>(e)]; });
    others.resize(std::min(others.size(), static_cast<size_t>(n_next)));
    Json of_those = Json::array();
    for (const int e : others) of_those.push_back(gates[static_cast<size_t>(e)]);
    out["next"].push_back(others);
    out["next_gates"].push_back(std::move(of_those));
  }
  return out;
}

void gates(Exchange& x) {
  Service& service = x.service;
  const Session& s = service.session();
  require_usage(s.router().moe(), "a dense model has no gates");
  const JsonValue body(x.body, "");
  (void)body.fields();
  const auto number = [&](const char* name, int high, int otherwise) {
    const auto value = body.find(name);
    return value ? static_cast<int>(value->integer(0, high)) : otherwise;
  };
  const int n_next = number("next", s.router().n_expert, 0), n_last = number("last", 1 << 20, 1 << 20);
  Json prompt = x.body;
  for (const char* own : {"next", "last"}) prompt.erase(own);
  const Request request = read_lane(service, prompt);
  const RoutingPolicy policy(request.method.routing, s.router(), *request.method.files);
  const std::vector<int> tokens = prompt_tokens(request.prompt, service.tokenizer());
  require_room(static_cast<int>(tokens.size()) <= s.engine->n_ctx(), "n_ctx", "a text of ", tokens.size(),
               " tokens does not fit the context of ", s.engine->n_ctx());
  Json rows = Json::array();
  service.run(
      [&] {
        const SeqId seq = s.engine->open(static_cast<int>(tokens.size()));
        const std::shared_ptr<void> closes(nullptr, [&](void*) { s.engine->close(seq); });
        RowGroup group{&policy, {}};
        for (const int token : tokens) group.rows.push_back({seq, token, Output::none});
        group.rows.back().output = Output::hidden;
        const StepResult& result = s.engine->run({.batch = {&group, 1}, .taps = {.routing = true}});
        for (size_t i = tokens.size() - std::min<size_t>(tokens.size(), n_last); i < tokens.size(); ++i) {
          result.require_sound(i);
          Json row = gates_json(s.router(), result.routing[i], n_next);
          row["token"] = tokens[i];
          row["text"] = service.tokenizer().piece(tokens[i], true);
          rows.push_back(std::move(row));
        }
      },
      static_cast<int>(tokens.size()));
  x.reply({{"blocks", s.router().layers}, {"policy", policy.text()}, {"tokens", std::move(rows)}});
}

}  // namespace rouse
