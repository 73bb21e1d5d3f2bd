/// Every allocation and backend call of a step fails once: sequences stay as they were, texts beside go on.
#include "support.h"

namespace rouse {
namespace {

/// Makes the n-th call of a device fail, counted from when it was made.
class Fault {
 public:
  Fault(Devices& devices, int nth) : devices_(devices) {
    devices_.before_call = [this, nth](DeviceCall) {
      if (++n_call_ == nth) throw Error("a fault for the test");
    };
  }
  ~Fault() { devices_.before_call = nullptr; }
  bool happened(int nth) const { return n_call_ >= nth; }

 private:
  Devices& devices_;
  int n_call_ = 0;
};

std::vector<int> text(int n, int seed) {
  std::vector<int> out{271};
  for (int i = 1; i < n; ++i) out.push_back((i * 37 + seed * 11) % 271);
  return out;
}

Batch batch_of(const RoutingPolicy& policy, std::span<const SeqId> sequences, int n, int seed) {
  Batch batch;
  for (size_t s = 0; s < sequences.size(); ++s) {
    RowGroup group{&policy, {}};
    for (const int token : text(n, seed + static_cast<int>(s))) group.rows.push_back({sequences[s], token});
    group.rows.back().output = Output::logits;
    batch.push_back(std::move(group));
  }
  return batch;
}

TEST(EngineFaults, AStepThatFailsAnywhereLeavesEverySequenceAsItWas) {
  int n_fault = 0;
  for (int nth = 1;; ++nth) {
    TinyModel m(golden("mixtral.gguf"), 256, GGML_TYPE_F32, true, 8);  // several graphs a step
    const RoutingPolicy policy("topk", m.router());
    std::vector<SeqId> sequences{m.engine.open(), m.engine.open()};
    m.engine.run(batch_of(policy, sequences, 5, 1));
    sequences.push_back(m.engine.fork(sequences[0], 3));
    const Batch batch = batch_of(policy, sequences, 9, 4);
    const Step step{.batch = batch, .taps = {.routing = true, .exits = {1}}};
    const int n_free = m.engine.n_free();
    const int64_t n_row = m.engine.cost().rows;
    bool happened;
    {
      const Fault fault(*m.devices, nth);
      try {
        m.engine.run(step);
      } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "a fault for the test");
      }
      happened = fault.happened(nth);
    }
    if (!happened) break;
    ++n_fault;
    EXPECT_EQ(m.engine.n_free(), n_free);
    EXPECT_EQ(m.engine.cost().rows, n_row);
    EXPECT_EQ(m.engine.length(sequences[0]), 5);
    EXPECT_EQ(m.engine.length(sequences[2]), 3);
    const StepResult& again = m.engine.run(step);
    TinyModel other(golden("mixtral.gguf"), 256, GGML_TYPE_F32, true, 8);
    std::vector<SeqId> same{other.engine.open(), other.engine.open()};
    other.engine.run(batch_of(policy, same, 5, 1));
    same.push_back(other.engine.fork(same[0], 3));
    const Batch other_batch = batch_of(policy, same, 9, 4);
    const StepResult& expected =
        other.engine.run({.batch = other_batch, .taps = {.routing = true, .exits = {1}}});
    EXPECT_EQ(again.logits_data, expected.logits_data) << "call " << nth;
  }
  EXPECT_GE(n_fault, 9) << "four graphs of up to eight rows are planned, allocated and computed";
}

struct Four {
  explicit Four(TinyModel& m) : m(m), tokenizer(m.model->file()) {
    const char* methods[] = {"greedy", "scmoe", "dola", "contrastive"};
    for (int i = 0; i < 4; ++i) {
      MethodOptions o;
      o.name = methods[i];
      GenerateOptions g;
      g.n_predict = 12;
      g.ignore_eos = true;
      texts.push_back(std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(o, m.models()),
                                                   text(20 + i, i), g));
    }
  }
  void run() {
    Scheduler scheduler({&m.engine});
    for (const auto& t : texts) scheduler.submit(*t);
    while (scheduler.step()) continue;
  }
  TinyModel& m;
  Tokenizer tokenizer;
  std::vector<std::unique_ptr<Generation>> texts;
};

TEST(SchedulerFaults, ARoundThatFailsCostsAtMostTheTextThatFailsAlone) {
  TinyModel quiet(golden("mixtral.gguf"));
  Four expected(quiet);
  expected.run();
  TinyModel m(golden("mixtral.gguf"));
  int n_fault = 0;
  for (int nth = 1;; nth += nth < 12 ? 1 : 5) {
    Four four(m);
    bool happened;
    {
      const Fault fault(*m.devices, nth);
      four.run();
      happened = fault.happened(nth);
    }
    if (!happened) break;
    ++n_fault;
    int n_failed = 0;
    for (size_t i = 0; i < 4; ++i) {
      n_failed += four.texts[i]->error().has_value();
      if (four.texts[i]->error()) continue;
      EXPECT_EQ(four.texts[i]->tokens(), expected.texts[i]->tokens()) << nth;
    }
    EXPECT_LE(n_failed, 1) << "call " << nth;
    EXPECT_EQ(m.engine.n_free(), m.engine.n_cell());
  }
  EXPECT_GE(n_fault, 15);
}

TEST(SchedulerFaults, SamplesOfATextWhosePromptFailsEndToo) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions g;
  g.n_predict = 4;
  g.sampling.temperature = 1;
  Generation leader({&m.engine}, tokenizer, make_method({}, m.models()), text(10, 1), g);
  Generation follower(leader, 2);
  Scheduler scheduler({&m.engine});
  scheduler.submit(leader);
  scheduler.submit(follower);
  const Fault fault(*m.devices, 1);
  for (int round = 0; scheduler.step(); ++round) ASSERT_LT(round, 100) << "waits for ever";
  EXPECT_TRUE(leader.error());
  EXPECT_TRUE(follower.error());
}

}  // namespace
}  // namespace rouse
