/// Texts of several threads on one engine; also run under ThreadSanitizer (the preset "thread").
#include "decoding/engine_thread.h"

#include <atomic>

#include "support.h"

namespace rouse {
namespace {

struct Request {
  MethodOptions method;
  GenerateOptions options;
  std::vector<int> prompt;
};

/// Request i of a fixed, mixed lot.
Request request(int i) {
  Random random(7, static_cast<uint64_t>(i), 0);
  Request r;
  const char* methods[] = {"greedy", "scmoe", "dola", "contrastive", "greedy", "greedy"};
  const char* routings[] = {"topk", "rank:2", "topk:1", "random:2,seed=3", "dynamic:0.6"};
  r.method.name = methods[random.below(6)];
  r.method.routing = routings[random.below(5)];
  if (r.method.name == "scmoe") r.method.weak = "rank:2";
  if (r.method.name == "dola") r.method.dola_layers = "0,1";
  if (r.method.name == "contrastive") r.method.candidates = 2;
  r.options.n_predict = static_cast<int>(random.below(7));
  r.options.ignore_eos = true;
  r.options.reuse = random.below(2) == 0;
  r.prompt = {271};
  for (uint32_t n = random.below(12); n > 0; --n) r.prompt.push_back(static_cast<int>(random.below(24)));
  return r;
}

struct Served {
  Served() : m(golden("mixtral.gguf"), 256), tokenizer(m.model->file()) {}
  std::unique_ptr<Generation> start(const Request& r, OnText on_text = {}) {
    return std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(r.method, m.models()),
                                        r.prompt, r.options, std::move(on_text));
  }
  TinyModel m;
  Tokenizer tokenizer;
};

}  // namespace

/// 2,000 texts of two threads: submitted, streamed, some cancelled; each is what it is alone.
TEST(EngineThread, TwoThreadsSubmitStreamAndCancel) {
#if defined(ROUSE_SANITIZED) && !defined(ROUSE_THREAD_SANITIZED)
  constexpr int kEach = 200;
#else
  constexpr int kEach = 1000;
#endif
  std::vector<std::vector<int>> alone;
  {
    Served model;
    for (int i = 0; i < 2 * kEach; ++i) {
      Request r = request(i);
      r.options.reuse = false;
      const auto g = model.start(r);
      Generation* one = g.get();
      run_generations({&model.m.engine}, {&one, 1});
      alone.push_back(g->tokens());
    }
  }
  Served model;
  EngineThread engine({&model.m.engine});
  std::atomic<int> n_cancelled = 0, n_wrong = 0, n_piece = 0;
  const auto client = [&](int first) {
    struct Sent {
      int i;
      EngineThread::Handle text;
      std::shared_ptr<std::string> streamed;
      bool cancelled;
    };
    std::deque<Sent> sent;
    Random random(5, static_cast<uint64_t>(first), 0);
    const auto receive = [&] {
      const Sent s = sent.front();
      sent.pop_front();
      engine.wait(s.text);
      const Generation& g = s.text->generation();
      const auto& whole = alone[static_cast<size_t>(s.i)];
      const bool cut = g.stop_reason() == StopReason::cancelled;
      n_cancelled += cut;
      const bool right = cut ? g.tokens().size() <= whole.size() &&
                                   std::equal(g.tokens().begin(), g.tokens().end(), whole.begin())
                             : g.tokens() == whole;
      n_wrong += !right || (cut && !s.cancelled) || *s.streamed != g.text() || g.error();
    };
    for (int i = first; i < first + kEach; ++i) {
      auto streamed = std::make_shared<std::string>();
      auto text = engine.submit(model.start(request(i), [streamed, &n_piece](const std::string& piece) {
        *streamed += piece;
        ++n_piece;
      }));
      const bool cancel = random.below(8) == 0;
      sent.push_back({i, text, streamed, cancel});
      if (cancel) engine.cancel(text);
      while (sent.size() > 1 + random.below(12)) receive();
    }
    while (!sent.empty()) receive();
  };
  std::thread other(client, kEach);
  client(0);
  other.join();
  EXPECT_EQ(n_wrong, 0);
  EXPECT_GT(n_cancelled, 0);
  EXPECT_GT(n_piece, kEach);
  engine.run(
      [&] { EXPECT_EQ(model.m.engine.n_free(), model.m.engine.n_cell()) << "every cell was given back"; });
}

TEST(EngineThread, RunsWorkBetweenRoundsAndRethrows) {
  Served model;
  EngineThread engine({&model.m.engine});
  Request r;
  r.options.n_predict = 60;
  r.options.ignore_eos = true;
  r.prompt = {271, 4, 5};
  const auto text = engine.submit(model.start(r));
  int answer = 0;
  engine.run([&] { answer = 42; });
  EXPECT_EQ(answer, 42);
  expect_refusal([&] { engine.run([] { throw Error("no", ErrorKind::usage); }); }, ErrorKind::usage, "no");
  engine.wait(text);
  EXPECT_EQ(text->generation().tokens().size(), 60u);
}

TEST(EngineThread, EndsWhatRunsWhenItGoes) {
  Served model;
  EngineThread::Handle text;
  {
    EngineThread engine({&model.m.engine});
    Request r;
    r.options.n_predict = 200;
    r.options.ignore_eos = true;
    r.prompt = {271};
    text = engine.submit(model.start(r));
  }
  EXPECT_TRUE(text->generation().done());
  EXPECT_EQ(model.m.engine.n_free(), model.m.engine.n_cell());
}

}  // namespace rouse
