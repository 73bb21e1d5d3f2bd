/// cli/bench.cpp - prefill and step speed of every method in one run: interleaved, repeated, against greedy,
/// against libllama on the same file, and against the bound that memory bandwidth sets.
#include <algorithm>
#include <cstring>
#include <iostream>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/bench_peer.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct BenchOptions {
  ModelOptions model;
  std::vector<int> n_prompt{128, 512};
  int n_gen = 32, repeats = 5;
  double weak_needed = -1;
  std::string weak;
  std::vector<std::string> only;
  bool peer = false, json = false;
};

struct BenchRow {
  std::string name;
  MethodOptions method;
  bool peer = false, standard = false;
  std::vector<double> step_s;                  ///< seconds a token, one a repeat
  std::vector<std::vector<double>> prefill_s;  ///< [n_prompt][repeat]
  double evaluations = 0, bytes = 0;           ///< a token
};

std::vector<BenchRow> bench_rows(const BenchOptions& o, const RouterSpec& router) {
  std::vector<BenchRow> rows;
  const auto add = [&](std::string name, std::string method, std::string routing, std::string execution) {
    if (!o.only.empty() && name != "greedy" &&
        std::ranges::none_of(o.only, [&](const std::string& part) { return name.find(part) == 0; }))
      return;
    BenchRow row;
    row.name = std::move(name);
    row.method.name = std::move(method);
    row.method.routing = std::move(routing);
    row.method.execution = std::move(execution);
    row.method.weak = o.weak;
    row.method.simulate_weak_needed = o.weak_needed;
    row.prefill_s.resize(o.n_prompt.size());
    rows.push_back(std::move(row));
  };
  add("greedy", "greedy", "topk", "");
  if (o.peer) {
    BenchRow row;
    row.name = "libllama";
    row.peer = true;
    row.prefill_s.resize(o.n_prompt.size());
    rows.push_back(std::move(row));
  }
  if (!router.moe()) return rows;
  const int k = router.n_expert_used;
  for (const int other : {k / 2, std::min(2 * k, router.n_selectable())})
    if (other >= 1 && other != k) add(cat("topk:", other), "greedy", cat("topk:", other), "");
  add(cat("rank:", k), "greedy", cat("rank:", k), "");
  add("dynamic:0.6", "greedy", "dynamic:0.6", "");
  for (const char* execution : {"plain", "fused", "lazy", "auto"})
    add(cat("scmoe:", execution), "scmoe", "topk", execution);
  return rows;
}

/// Bytes a second that all threads together read from memory, best of three over 512 MB.
double memory_bandwidth(int n_thread) {
  std::vector<uint64_t> data(size_t{64} << 20, 1);
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

/// One repeat of one row: every prompt length; steps after the first.
void measure(BenchRow& row, const BenchOptions& o, Session& session, Peer* peer,
             const std::vector<std::vector<int>>& prompts) {
  for (size_t p = 0; p < prompts.size(); ++p) {
    const bool with_steps = p == 0;
    if (row.peer) {
      row.prefill_s[p].push_back(peer->prefill(prompts[p]));
      if (with_steps) row.step_s.push_back(peer->steps(o.n_gen) / o.n_gen);
      continue;
    }
    if (!with_steps && row.name != "greedy")
      continue;  // longer prompts matter for the comparison with the peer alone
    GenerateOptions options;
    options.n_predict = with_steps ? o.n_gen + 1 : 1;
    options.ignore_eos = true;
    Generation g(*session.engine, *session.tokenizer,
                 make_method(row.method, session.model->spec().router, session.accelerated), prompts[p],
                 options);
    Generation* one = &g;
    run_generations(*session.engine, {&one, 1}, &interrupted);
    row.prefill_s[p].push_back(g.prefill().seconds);
    if (!with_steps) continue;
    const auto n = static_cast<double>(std::max<int64_t>(1, g.step().tokens));
    row.step_s.push_back(g.step().seconds / n);
    row.evaluations = static_cast<double>(g.step().cost.expert_evaluations) / n;
    row.bytes = static_cast<double>(g.step().cost.weight_bytes) / n;
  }
}

Json interval(const Spread& s) {
  return Json::array({s.low, s.high});
}

Json row_json(const BenchRow& row, const BenchRow& greedy, const BenchRow* peer, const BenchOptions& o,
              double bandwidth) {
  Json out{{"name", row.name}};
  const Spread step = spread(row.step_s);
  out["step_tok_s"] = 1 / step.median;
  out["step_tok_s_spread"] = Json::array({1 / step.high, 1 / step.low});
  out["prefill_tok_s"] = o.n_prompt[0] / spread(row.prefill_s[0]).median;
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
    Json entry{{"n_prompt", o.n_prompt[i]}, {"tok_s", o.n_prompt[i] / spread(row.prefill_s[i]).median}};
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

void print_table(const Json& d) {
  std::printf(
      "%s\n%s; %d prompt tokens, %d steps, %d repeats interleaved; medians [95%% interval of the ratio]\n",
      d["model"].get<std::string>().c_str(), d["device"].get<std::string>().c_str(),
      d["n_prompt"][0].get<int>(), d["n_gen"].get<int>(), d["repeats"].get<int>());
  if (d.contains("weak_needed"))
    std::printf("simulated: %.0f%% of SCMoE's steps need the weak logits\n",
                100 * d["weak_needed"].get<double>());
  std::printf("memory bandwidth %.1f GB/s\n\n", d["bandwidth_gb_s"].get<double>());
  std::printf("%-13s %9s %9s   %-22s %9s %7s\n", "", "prefill/s", "step/s", "time of a step/greedy",
              "experts", "bound");
  for (const Json& r : d["rows"]) {
    const auto i = r["step_ratio_to_greedy_interval"];
    std::printf("%-13s %9.0f %9.2f   %5.2f [%.2f, %.2f]     ", r["name"].get<std::string>().c_str(),
                r["prefill_tok_s"].get<double>(), r["step_tok_s"].get<double>(),
                r["step_ratio_to_greedy"].get<double>(), i[0].get<double>(), i[1].get<double>());
    if (r.contains("weight_bytes_per_token"))
      std::printf(" %9.1f %6.0f%%", r["expert_evaluations_per_token"].get<double>(),
                  100 * r["share_of_bandwidth_bound"].get<double>());
    std::printf("\n");
  }
  for (const Json& r : d["rows"]) {
    if (r["name"] != "greedy" || !r.contains("step_ratio_to_peer")) continue;
    const auto i = r["step_ratio_to_peer_interval"];
    std::printf("\nspeed against libllama: step %.3f [%.3f, %.3f]", r["step_ratio_to_peer"].get<double>(),
                i[0].get<double>(), i[1].get<double>());
    for (const Json& p : r["prefill"])
      std::printf(", prefill of %d %.3f [%.3f, %.3f]", p["n_prompt"].get<int>(),
                  p["ratio_to_peer"].get<double>(), p["ratio_to_peer_interval"][0].get<double>(),
                  p["ratio_to_peer_interval"][1].get<double>());
    std::printf("\n");
  }
}

int bench(const BenchOptions& o) {
  require_usage(o.weak_needed <= 1, "--weak-needed is ", o.weak_needed, ", expected a share of at most 1");
  const int longest = *std::max_element(o.n_prompt.begin(), o.n_prompt.end()) + o.n_gen + 2;
  ModelOptions m = o.model;
  m.n_ctx = std::max(m.n_ctx, longest);
  Session session(m, 2);
  const ModelSpec& spec = session.model->spec();
  std::unique_ptr<Peer> peer;
  if (o.peer) peer = std::make_unique<Peer>(model_path(m), session.devices->n_thread(), longest, m.n_batch);
  std::vector<std::vector<int>> prompts;
  Random random(1);
  for (const int n : o.n_prompt) {
    prompts.emplace_back();
    for (int i = 0; i < n; ++i)
      prompts.back().push_back(static_cast<int>(random.below(static_cast<uint32_t>(spec.n_vocab))));
  }
  std::vector<BenchRow> rows = bench_rows(o, spec.router);
  const double bandwidth = memory_bandwidth(session.devices->n_thread());
  {
    ProgressBar bar("measuring");
    const auto total = static_cast<double>((o.repeats + 1) * static_cast<int>(rows.size()));
    double done = 0;
    for (int repeat = -1; repeat < o.repeats && !interrupted; ++repeat) {  // the first is a warm-up
      for (BenchRow& row : rows) {
        measure(row, o, session, peer.get(), prompts);
        if (repeat < 0) {
          row.step_s.clear();
          for (auto& p : row.prefill_s) p.clear();
        }
        bar.update(++done / total);
        if (interrupted) break;
      }
    }
  }
  if (interrupted) return static_cast<int>(Exit::interrupted);
  const BenchRow* reference = o.peer ? &rows[1] : nullptr;
  Json out{{"model", spec.name.empty() ? model_path(m) : spec.name},
           {"device", session.devices->text()},
           {"placement", session.model->placement_text()},
           {"n_prompt", o.n_prompt},
           {"n_gen", o.n_gen},
           {"repeats", o.repeats},
           {"bandwidth_gb_s", bandwidth / 1e9}};
  if (o.weak_needed >= 0) out["weak_needed"] = o.weak_needed;
  out["rows"] = Json::array();
  for (const BenchRow& row : rows) out["rows"].push_back(row_json(row, rows[0], reference, o, bandwidth));
  if (o.json)
    std::cout << out.dump(2) << '\n';
  else
    print_table(out);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app) {
  auto o = std::make_shared<BenchOptions>();
  CLI::App* sub = app.add_subcommand(
      "bench", "Measure prefill and step speed of every method, interleaved, against greedy and libllama");
  add_model_options(*sub, o->model);
  sub->add_option("--prompt-sizes", o->n_prompt, "prompt lengths; steps follow the first")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  sub->add_option("-n,--predict", o->n_gen, "steps of each repeat")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  sub->add_option("-r,--repeats", o->repeats, "repeats, after one warm-up")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  sub->add_option("--weak", o->weak, "scmoe's weak routing");
  sub->add_option("--weak-needed", o->weak_needed,
                  "simulate that this share of steps needs the weak logits (random weights make flat ones)");
  sub->add_option("--only", o->only, "only rows whose name begins so, beside greedy; repeatable");
  sub->add_flag("--peer", o->peer, "also measure libllama on the same file and threads");
  sub->add_flag("--json", o->json, "print JSON");
  sub->callback([o] { std::exit(bench(*o)); });
}

}  // namespace rouse
