/// cli/bench.cpp - the flags of `rouse bench`, and its table.
#include <iostream>

#include "base/text.h"
#include "cli/steps.h"

namespace rouse {

Json run_latency(const LatencyOptions& o, const std::atomic<bool>& stop) {
  ProgressBar bar("measuring");
  return measure_latency(
      o, [&](double done) { bar.update(done); }, &stop);
}

static void print_table(const Json& d) {
  std::printf(
      "%s\n%s; %d prompt tokens, %d steps, %d repeats interleaved; medians [95%% interval of the ratio]\n",
      d["model"].get<std::string>().c_str(), d["device"].get<std::string>().c_str(),
      d["n_prompt"][0].get<int>(), d["n_gen"].get<int>(), d["repeats"].get<int>());
  if (d.contains("weak_needed"))
    std::printf(
        "simulated: %.0f%% of the steps of SCMoE, DoLa and contrastive decoding need their contrast\n",
        100 * d["weak_needed"].get<double>());
  std::printf("memory bandwidth %.1f GB/s\n\n", d["bandwidth_gb_s"].get<double>());
  std::printf("%-16s %9s %9s   %-22s %9s %7s %9s\n", "", "prefill/s", "token/s", "time of a token/greedy",
              "experts", "bound", "s/512");
  for (const Json& r : d["rows"]) {
    const auto i = r["step_ratio_to_greedy_interval"];
    std::printf("%-16s %9.0f %9.2f   %5.2f [%.2f, %.2f]     ", r["name"].get<std::string>().c_str(),
                r["prefill_tok_s"].get<double>(), r["step_tok_s"].get<double>(),
                r["step_ratio_to_greedy"].get<double>(), i[0].get<double>(), i[1].get<double>());
    if (r.contains("weight_bytes_per_token"))
      std::printf(" %9.1f %6.0f%%", r["expert_evaluations_per_token"].get<double>(),
                  100 * r["share_of_bandwidth_bound"].get<double>());
    else
      std::printf(" %9s %7s", "", "");
    std::printf(" %9.2f", r["seconds_per_512_tokens"].get<double>());
    std::printf("\n");
  }
  for (const Json& r : d["rows"]) {
    if (r["name"].get<std::string>().rfind("greedy", 0) != 0 || !r.contains("step_ratio_to_peer")) continue;
    const auto i = r["step_ratio_to_peer_interval"];
    std::printf("\nspeed of %s against libllama: step %.3f [%.3f, %.3f]",
                r["name"].get<std::string>().c_str(), r["step_ratio_to_peer"].get<double>(),
                i[0].get<double>(), i[1].get<double>());
    for (const Json& p : r["prefill"])
      std::printf(", prefill of %d %.3f [%.3f, %.3f]", p["n_prompt"].get<int>(),
                  p["ratio_to_peer"].get<double>(), p["ratio_to_peer_interval"][0].get<double>(),
                  p["ratio_to_peer_interval"][1].get<double>());
    std::printf("\n");
  }
  for (const Json& r : d["rows"])
    if (r.contains("speed_against_one_after_another")) {
      const auto i = r["speed_against_one_after_another_interval"];
      std::printf("\n%s: %.2f [%.2f, %.2f] times as fast as one sample after another\n",
                  r["name"].get<std::string>().c_str(), r["speed_against_one_after_another"].get<double>(),
                  i[0].get<double>(), i[1].get<double>());
    }
}

void add_bench(CLI::App& app) {
  auto o = std::make_shared<LatencyOptions>();
  auto json = std::make_shared<bool>(false);
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
  sub->add_flag("--json", *json, "print JSON");
  on_run(*sub, [o, json](const std::atomic<bool>& stop) {
    const Json measured = run_latency(*o, stop);
    if (*json)
      std::cout << measured.dump(2) << '\n';
    else
      print_table(measured);
    return 0;
  });
}

}  // namespace rouse
