#include "report/latency.h"

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/quoting.h"
#include "base/random.h"
#include "base/statistics.h"
#include "report/peer.h"

namespace rouse {
namespace {

struct BenchRow {
  std::string name;
  MethodOptions method;
  float temperature = 0;
  int n_parallel = 1;   ///< texts side by side
  bool shared = false;  ///< they are samples of one prompt
  bool peer = false;
  std::vector<double> step_s;                  ///< seconds a token of all texts, one a repeat
  std::vector<double> total_s;                 ///< seconds of prompts and steps
  std::vector<std::vector<double>> prefill_s;  ///< [n_prompt][repeat]
  double evaluations = 0, bytes = 0;           ///< a token
};

/// Every method, each as often as there are numbers of texts side by side; the first of a number is greedy.
std::vector<BenchRow> bench_rows(const LatencyOptions& o, const RouterSpec& router) {
  std::vector<BenchRow> rows;
  int n_parallel = 1;
  const auto add = [&](const std::string& name, MethodOptions method) -> BenchRow* {
    if (!o.only.empty() && name != "greedy" && name != "libllama" &&
        std::ranges::none_of(o.only, [&](const std::string& part) { return name.find(part) == 0; }))
      return nullptr;
    method.simulate_weak_needed = o.weak_needed;
    BenchRow row;
    row.name = n_parallel > 1 ? cat(name, " x", n_parallel) : name;
    row.method = std::move(method);
    row.n_parallel = n_parallel;
    row.prefill_s.resize(o.n_prompt.size());
    rows.push_back(std::move(row));
    return &rows.back();
  };
  const auto routed = [](std::string policy) {
    MethodOptions m;
    m.routing = std::move(policy);
    return m;
  };
  const auto method = [&](std::string name) {
    MethodOptions m;
    m.name = std::move(name);
    return m;
  };
  const int k = router.n_expert_used;
  for (const int n : o.n_parallel) {
    n_parallel = n;
    add("greedy", {});
    if (o.peer) add("libllama", {})->peer = true;
    if (router.moe()) {
      for (const int other : {k / 2, std::min(2 * k, router.n_selectable())})
        if (other >= 1 && other != k) add(cat("topk:", other), routed(cat("topk:", other)));
      if (const std::string weak = router.published_weak(); weak != cat("topk:", k / 2))
        add(weak, routed(weak));
      add("dynamic:0.6", routed("dynamic:0.6"));
      if (!o.plan.empty()) add("plan", routed("plan:" + quote(o.plan)));
      for (const char* execution : {"plain", "fused", "lazy", "auto"}) {
        MethodOptions m = method("scmoe");
        m.weak = o.weak;
        m.execution = execution;
        add(cat("scmoe:", execution), m);
      }
      add("roe", method("roe"));
    }
    add("dola", method("dola"));
    MethodOptions cd = method("cd");
    cd.amateur = o.amateur;
    if (!o.amateur.empty()) add("cd", cd);
    MethodOptions iti;
    iti.iti = o.iti;
    if (!o.iti.empty()) add("iti", iti);
    add("contrastive", method("contrastive"));
    add("beam", method("beam"));
    if (BenchRow* sample = add("sample", {})) sample->temperature = 1;
    if (n > 1)
      if (BenchRow* samples = add("samples", {})) samples->temperature = 1, samples->shared = true;
  }
  return rows;
}

}  // namespace

double memory_bandwidth(int n_thread, size_t n_byte) {
  std::vector<uint64_t> data(n_byte / sizeof(uint64_t), 1);
  double best = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const double begin = now_seconds();
    std::vector<std::thread> threads;
    std::vector<uint64_t> sums(static_cast<size_t>(n_thread) * 16);
    for (int t = 0; t < n_thread; ++t)
      threads.emplace_back([&, t] {
        const size_t first = data.size() * static_cast<size_t>(t) / static_cast<size_t>(n_thread);
        const size_t last = data.size() * static_cast<size_t>(t + 1) / static_cast<size_t>(n_thread);
        uint64_t sum = 0;
        for (size_t i = first; i < last; ++i) sum += data[i];
        sums[static_cast<size_t>(t) * 16] = sum;
      });
    for (std::thread& thread : threads) thread.join();
    const double seconds = now_seconds() - begin;
    require(sums[0] > 0, "the bandwidth loop was optimised away");
    best = std::max(best, static_cast<double>(data.size() * sizeof(uint64_t)) / seconds);
  }
  return best;
}

namespace {

/// Texts of a row side by side, n_predict tokens each. prompt(i): of the i-th.
template <class Prompt>
std::vector<std::unique_ptr<Generation>> generate(const BenchRow& row, const Session& session, int n_predict,
                                                  Prompt prompt, const std::atomic<bool>* stop) {
  GenerateOptions options;
  options.n_predict = n_predict;
  options.ignore_eos = true;
  options.sampling.temperature = row.temperature;
  std::vector<std::unique_ptr<Generation>> texts;
  if (row.shared)
    texts = start_samples(session.engines(), *session.tokenizer,
                          sample_methods(row.method, row.n_parallel, session.models()), prompt(0), options);
  for (int i = 0; i < row.n_parallel && !row.shared; ++i) {
    options.sampling.seed = static_cast<uint64_t>(i);
    texts.push_back(session.start(row.method, prompt(i), options));
  }
  std::vector<Generation*> all;
  for (const auto& g : texts) all.push_back(g.get());
  run_generations(session.engines(), all, stop);
  return texts;
}

/// One repeat of one row: every prompt length; steps after the first.
void measure(BenchRow& row, const LatencyOptions& o, const Session& session, Peer* peer,
             const std::atomic<bool>* stop) {
  const int n_vocab = session.engine->spec().n_vocab;
  for (size_t p = 0; p < o.n_prompt.size(); ++p) {
    const bool with_steps = p == 0;
    const auto prompt = [&](int text) {
      Random random(1, p, static_cast<uint64_t>(text));
      std::vector<int> out;
      for (int i = 0; i < o.n_prompt[p]; ++i)
        out.push_back(static_cast<int>(random.below(static_cast<uint32_t>(n_vocab))));
      return out;
    };
    if (!with_steps && (row.n_parallel > 1 || (!row.peer && row.name != "greedy")))
      continue;  // longer prompts matter for the comparison with the peer alone
    if (row.peer) {
      std::vector<std::vector<int>> prompts;
      for (int i = 0; i < row.n_parallel; ++i) prompts.push_back(prompt(i));
      row.prefill_s[p].push_back(peer->prefill(prompts));
      if (with_steps) row.step_s.push_back(peer->steps(o.n_gen) / o.n_gen / row.n_parallel);
      continue;
    }
    const double begin = now_seconds();
    const auto texts = generate(row, session, with_steps ? o.n_gen + 1 : 1, prompt, stop);
    const double total = now_seconds() - begin;
    double prefill = 0;  // rounds are shared, so the longest prefill is that of all
    for (const auto& g : texts) prefill = std::max(prefill, g->prefill().seconds);
    row.prefill_s[p].push_back(prefill);
    if (!with_steps) continue;
    int64_t n = 0, evaluations = 0, bytes = 0;
    double step = 0;
    for (const auto& g : texts) {
      n += g->step().tokens;
      step = std::max(step, g->step().seconds);
      evaluations += g->step().cost.expert_evaluations;
      bytes += g->step().cost.weight_bytes;
    }
    const auto tokens = static_cast<double>(std::max<int64_t>(1, n));
    row.total_s.push_back(total);
    row.step_s.push_back(step / tokens);
    row.evaluations = static_cast<double>(evaluations) / tokens;
    row.bytes = static_cast<double>(bytes) / tokens;
  }
}

Json interval(const Spread& s) {
  return Json::array({s.low, s.high});
}

Json row_json(const BenchRow& row, const BenchRow& greedy, const BenchRow* peer, const LatencyOptions& o,
              double bandwidth) {
  Json out{{"name", row.name}, {"n_parallel", row.n_parallel}};
  const Spread step = spread(row.step_s);
  out["step_tok_s"] = 1 / step.median;
  out["step_tok_s_spread"] = Json::array({1 / step.high, 1 / step.low});
  const int n_prompt = o.n_prompt[0] * (row.shared ? 1 : row.n_parallel);
  out["prefill_tok_s"] = n_prompt / spread(row.prefill_s[0]).median;
  out["seconds_per_512_tokens"] = 512 * step.median;
  const Spread ratio = ratio_interval(row.step_s, greedy.step_s);
  out["step_ratio_to_greedy"] = ratio.median;
  out["step_ratio_to_greedy_interval"] = interval(ratio);
  if (!row.peer) {
    out["expert_evaluations_per_token"] = row.evaluations;
    out["weight_bytes_per_token"] = row.bytes;
    out["share_of_bandwidth_bound"] = row.bytes / bandwidth / step.median;
  }
  if (peer && !row.peer) {  // speeds: above 1 is faster than the peer
    const Spread s = ratio_interval(peer->step_s, row.step_s);
    out["step_ratio_to_peer"] = s.median;
    out["step_ratio_to_peer_interval"] = interval(s);
    const Spread p = ratio_interval(peer->prefill_s[0], row.prefill_s[0]);
    out["prefill_ratio_to_peer"] = p.median;
    out["prefill_ratio_to_peer_interval"] = interval(p);
  }
  Json prefill = Json::array();
  for (size_t i = 0; i < o.n_prompt.size(); ++i) {
    if (row.prefill_s[i].empty()) continue;
    Json entry{
        {"n_prompt", o.n_prompt[i]},
        {"tok_s", o.n_prompt[i] * (row.shared ? 1 : row.n_parallel) / spread(row.prefill_s[i]).median}};
    if (peer && !row.peer) {
      const Spread p = ratio_interval(peer->prefill_s[i], row.prefill_s[i]);
      entry["ratio_to_peer"] = p.median;
      entry["ratio_to_peer_interval"] = interval(p);
    }
    prefill.push_back(entry);
  }
  out["prefill"] = prefill;
  return out;
}

}  // namespace

Json measure_latency(const LatencyOptions& o, const std::function<void(double)>& progress,
                     const std::atomic<bool>* stop) {
  const auto stopped = [&] { return stop && *stop; };
  require_option(o.weak_needed <= 1, "weak_needed", " is ", o.weak_needed, ", expected a share of at most 1");
  const int longest = *std::max_element(o.n_prompt.begin(), o.n_prompt.end()) + o.n_gen + 2;
  const int most = *std::max_element(o.n_parallel.begin(), o.n_parallel.end());
  ModelOptions m = o.model;
  m.n_ctx = std::max(m.n_ctx, longest);
  m.n_batch = std::max(m.n_batch, most > 1 ? 2 * most * o.n_prompt[0] : 0);  // all prompts in one round
  const Session session(m, std::max(2 * most, 6), o.amateur);
  const ModelSpec& spec = session.engine->spec();
  std::unique_ptr<Peer> peer;
  if (o.peer)
    peer = std::make_unique<Peer>(model_path(m), session.devices->n_thread(), longest, m.n_batch, most);
  std::vector<BenchRow> rows = bench_rows(o, spec.router);
  for (const BenchRow& row : rows)
    if (!row.peer) make_method(row.method, session.models());  // refuse before anything is measured
  const double bandwidth = memory_bandwidth(session.devices->n_thread());
  {
    const auto total = static_cast<double>((o.repeats + 1) * static_cast<int>(rows.size()));
    double done = 0;
    for (int repeat = -1; repeat < o.repeats && !stopped(); ++repeat) {  // the first is a warm-up
      for (BenchRow& row : rows) {
        measure(row, o, session, peer.get(), stop);
        if (repeat < 0) {
          row.step_s.clear();
          row.total_s.clear();
          for (auto& p : row.prefill_s) p.clear();
        }
        if (progress) progress(++done / total);
        if (stopped()) break;
      }
    }
  }
  if (stopped()) throw Error("interrupted", ErrorKind::interrupted);
  Json out{{"model", spec.name.empty() ? model_path(m) : spec.name},
           {"device", session.devices->text()},
           {"placement", session.engine->placement_text()},
           {"n_prompt", o.n_prompt},
           {"n_gen", o.n_gen},
           {"n_parallel", o.n_parallel},
           {"repeats", o.repeats},
           {"bandwidth_gb_s", bandwidth / 1e9}};
  if (o.weak_needed >= 0) out["weak_needed"] = o.weak_needed;
  out["rows"] = Json::array();
  for (const BenchRow& row : rows) {
    const auto of = [&](const char* name, int n) -> const BenchRow* {
      const auto found = std::ranges::find_if(rows, [&](const BenchRow& r) {
        return r.n_parallel == n && r.name.rfind(name, 0) == 0 && !r.shared;
      });
      return found == rows.end() ? nullptr : &*found;
    };
    out["rows"].push_back(row_json(row, *of("greedy", row.n_parallel),
                                   o.peer ? of("libllama", row.n_parallel) : nullptr, o, bandwidth));
    const BenchRow* alone = row.shared ? of("sample", 1) : nullptr;
    if (!alone) continue;
    std::vector<double> one_by_one = alone->total_s;
    for (double& t : one_by_one) t *= row.n_parallel;
    const Spread s = ratio_interval(one_by_one, row.total_s);
    out["rows"].back()["speed_against_one_after_another"] = s.median;
    out["rows"].back()["speed_against_one_after_another_interval"] = interval(s);
  }
  return out;
}

}  // namespace rouse
