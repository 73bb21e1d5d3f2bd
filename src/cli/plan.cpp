/// cli/plan.cpp - the options of `rouse plan`.
#include "cli/plan_command.h"

namespace rouse {

void add_plan(CLI::App& app) {
  auto o = std::make_shared<PlanOptions>();
  CLI::App* sub = app.add_subcommand("plan", "Look at plans, compare them, make their controls");
  sub->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*command)(const PlanOptions&)) {
    CLI::App* c = sub->add_subcommand(name, help);
    on_run(*c, [o, command] { return command(*o); });
    return c;
  };
  const auto output = [&](CLI::App* c) {
    c->add_option("-o,--output", o->output, "file to write")->required();
    add_force_option(*c, o->force);
  };
  const auto source = [&](CLI::App* c) { c->add_option("plan", o->first, "a plan")->required(); };
  const auto model = [&](CLI::App* c) {
    c->add_option("-m,--model", o->model.model, "model file (GGUF); the default model if left out");
  };
  const auto seed = [&](CLI::App* c) { c->add_option("-s,--seed", o->seed, "seed")->capture_default_str(); };

  CLI::App* c = add("show", "layer profile, budgets, most causal and dormant experts", plan_show);
  source(c);
  c->add_option("-n,--experts", o->n_expert, "experts to list")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  c->add_flag("--json", o->json, "print JSON");
  c = add("diff", "rank correlations and budget changes of two plans: seeds, texts, quantisations",
          plan_diff);
  source(c);
  c->add_option("other", o->second, "another plan of the same shape")->required();
  c->add_flag("--json", o->json, "print JSON");
  c = add("uniform", "the model's own budgets, no bias", plan_uniform), model(c), output(c);
  c = add("random", "random intensities and impacts", plan_random), model(c), seed(c), output(c);
  c = add("shuffle", "a plan's numbers at other places", plan_shuffle), source(c), seed(c), output(c);
  c = add("by-frequency", "a plan with how often hard tokens used an expert instead of its impact",
          plan_by_frequency);
  source(c), output(c);
  c = add("export", "a copy of the model whose selection bias holds the plan, for unmodified llama.cpp",
          plan_export);
  source(c), output(c);
  c->add_option("--gguf", o->gguf, "the model file that the plan was measured on")->required();
  c->add_option("--lambda", o->lambda, "weight of the impact")->capture_default_str();
  c = add("from", "budgets by hand", plan_from_counts), model(c), output(c);
  c->add_option("counts", o->counts, "k of every MoE layer: K,K,...")->required();
}

}  // namespace rouse
