/// cli/bench.cpp - the flags of `rouse bench`, and its table.
#include <iostream>

#include "base/table.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/steps.h"
#include "cli/terminal.h"

namespace rouse {

Json run_latency(const LatencyOptions& o, const std::atomic<bool>& stop) {
  ProgressBar bar("measuring");
  return measure_latency(
      o, [&](double done) { bar.update(done); }, &stop);
}

/// "1.20 [1.10, 1.30]"
static std::string interval_text(const Json& value, const Json& interval) {
  return formatted("%.2f [%.2f, %.2f]", value.get<double>(), interval[0].get<double>(),
                   interval[1].get<double>());
}

static std::string speeds_table(const Json& rows) {
  Table table{{"", "prefill/s", "  token/s", "time / greedy's", "experts", " bound", "s/512"}};
  for (const Json& r : rows) {
    const bool counted = r.contains("weight_bytes_per_token");
    table.push_back({r["name"], formatted("%9.0f", r["prefill_tok_s"].get<double>()),
                     formatted("%9.2f", r["step_tok_s"].get<double>()),
                     interval_text(r["step_ratio_to_greedy"], r["step_ratio_to_greedy_interval"]),
                     counted ? formatted("%7.1f", r["expert_evaluations_per_token"].get<double>()) : "",
                     counted ? formatted("%5.0f%%", 100 * r["share_of_bandwidth_bound"].get<double>()) : "",
                     formatted("%5.2f", r["seconds_per_512_tokens"].get<double>())});
  }
  return table_text(table, output_width());
}

static void print_table(const Json& d) {
  print_text(cat(d["model"].get<std::string>(), "\n", d["device"].get<std::string>(), "; ",
                 d["n_prompt"][0].get<int>(), " prompt tokens, ", d["n_gen"].get<int>(), " steps, ",
                 d["repeats"].get<int>(), " repeats interleaved; medians [95% interval of the ratio]\n",
                 d.contains("weak_needed") ? formatted("simulated: %.0f%% of the steps of SCMoE, DoLa and "
                                                       "contrastive decoding need their contrast\n",
                                                       100 * d["weak_needed"].get<double>())
                                           : "",
                 formatted("memory bandwidth %.1f GB/s\n\n", d["bandwidth_gb_s"].get<double>())));
  std::cout << speeds_table(d["rows"]);
  for (const Json& r : d["rows"]) {
    if (r["name"].get<std::string>().rfind("greedy", 0) != 0 || !r.contains("step_ratio_to_peer")) continue;
    const auto i = r["step_ratio_to_peer_interval"];
    std::string line = cat("\nspeed of ", r["name"].get<std::string>(), " against libllama: step ",
                           formatted("%.3f [%.3f, %.3f]", r["step_ratio_to_peer"].get<double>(),
                                     i[0].get<double>(), i[1].get<double>()));
    for (const Json& p : r["prefill"])
      line += formatted(", prefill of %d %.3f [%.3f, %.3f]", p["n_prompt"].get<int>(),
                        p["ratio_to_peer"].get<double>(), p["ratio_to_peer_interval"][0].get<double>(),
                        p["ratio_to_peer_interval"][1].get<double>());
    print_text(line + "\n");
  }
  for (const Json& r : d["rows"])
    if (r.contains("speed_against_one_after_another")) {
      const auto i = r["speed_against_one_after_another_interval"];
      print_text(cat("\n", r["name"].get<std::string>(), ": ",
                     interval_text(r["speed_against_one_after_another"], i),
                     " times as fast as one sample after another\n"));
    }
}

void add_bench(CLI::App& app) {
  auto o = std::make_shared<LatencyOptions>();
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
  sub->add_option("--parallel", o->n_parallel, "texts side by side; 1 first, then say 1,8")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 32));
  sub->add_option("--plan", o->plan, "also measure routing by this plan");
  sub->add_option("--amateur", o->amateur, "also measure contrastive decoding with this smaller model");
  sub->add_option("--iti", o->iti, "also measure the head shift of this file");
  sub->add_option("--weak", o->weak, "scmoe's weak routing");
  sub->add_option("--weak-needed", o->weak_needed,
                  "simulate that this share of steps needs a contrast (random weights make flat logits)");
  sub->add_option("--only", o->only, "only rows whose name begins so, beside greedy; repeatable");
  sub->add_flag("--peer", o->peer, "also measure libllama on the same file and threads");
  on_result(
      *sub, [o](const std::atomic<bool>& stop) { return run_latency(*o, stop); }, print_table);
}

}  // namespace rouse
