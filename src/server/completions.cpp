#include "server/completions.h"

#include "decoding/scoring.h"
#include "server/answers.h"

namespace rouse {
namespace {

/// How likely a method finds the tokens of prompts, each after the first.
std::vector<Echo> echoes_of(Service& service, const Call& call) {
  std::vector<Echo> out;
  int n_cell = 0;
  for (const Request& r : call.texts) {
    const Echo& echo = out.emplace_back(echo_of(r.prompt, service.tokenizer()));
    n_cell = std::max(n_cell, static_cast<int>(echo.tokens.size()));
  }
  if (!call.log_probs) return out;
  const MethodOptions& method = call.texts[0].method;
  const auto streams = static_cast<int>(make_method(method, service.session().models())->streams().size());
  service.run(
      [&] {
        Scorer scorer(service.session().engines(), make_method(method, service.session().models()));
        std::vector<ScoreRequest> requests;
        for (const Echo& echo : out)
          if (echo.tokens.size() > 1)
            requests.push_back({{echo.tokens[0]},
                                {{echo.tokens.begin() + 1, echo.tokens.end()}},
                                call.texts[0].generate.n_top});
        const std::vector<Scored> scored = scorer.score(requests);
        size_t next = 0;
        for (Echo& echo : out) {
          if (echo.tokens.size() < 2) continue;
          const Scored& s = scored[next++];
          if (s.error) throw *s.error;
          for (size_t i = 1; i < echo.tokens.size(); ++i) {
            NamedScore& one = echo.scores[i];
            one.known = true;
            one.log_prob = s.log_probs[0][i - 1];
            if (!s.top.empty()) one.top = s.top[0][i - 1];
          }
        }
      },
      streams * n_cell);
  return out;
}

/// What a stream's provider holds: it outlives the handler.
struct Streamed {
  Streamed(Service& service, Call asked)
      : service(service),
        call(std::move(asked)),
        writer(service, call),
        texts(service.start(call.texts, Telling::every_round)) {}
  Service& service;
  Call call;
  AnswerWriter writer;
  std::unique_ptr<LiveTexts> texts;
};

void write_stream(Streamed& s, EventSink& sink) {
  if (s.call.chat)
    for (size_t i = 0; i < s.texts->size(); ++i) sink.send(s.writer.first_chunk(i));
  follow(
      s.service, *s.texts, [&] { return !sink.open(); },
      [&](const News& news) {
        if (!news.piece.empty() || !news.reasoning.empty() || (s.call.log_probs && !news.scores.empty()) ||
            (s.call.token_ids && !news.tokens.empty()))
          sink.send(s.writer.chunk(news));
        if (!news.ended) return;
        if (const auto& error = s.texts->generation(news.text).error()) throw *error;
        sink.send(s.writer.last_chunk(*s.texts, news.text));
      },
      [&] { sink.comment(); });
  if (s.call.usage) sink.send(s.writer.usage_chunk(*s.texts));
}

void generate(Exchange& x, Call call) {
  if (call.stream) {
    if (call.echo) throw Error("echo does not go with stream here", ErrorKind::usage, "echo");
    auto streamed = std::make_shared<Streamed>(x.service, std::move(call));
    stream(x, [streamed](EventSink& sink) { write_stream(*streamed, sink); });
    return;
  }
  std::vector<Echo> echoes;
  if (call.echo) echoes = echoes_of(x.service, call);
  const auto texts = x.service.start(call.texts, Telling::at_the_end);
  follow(x.service, *texts, [&] { return x.gone(); });
  x.reply(AnswerWriter(x.service, call).whole(*texts, echoes));
}

}  // namespace

void chat_completions(Exchange& x) {
  generate(x, read_chat_call(x.service, x.body, x.strict));
}

void completions(Exchange& x) {
  generate(x, read_completion_call(x.service, x.body, x.strict));
}

}  // namespace rouse
