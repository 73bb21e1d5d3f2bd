/// cli/repro_papers.cpp - the steps that make up each paper's tables and figures.
#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/output_file.h"
#include "base/quoting.h"
#include "base/text.h"
#include "calibration/plan_controls.h"
#include "cli/repro_command.h"
#include "eval/sweep.h"
#include "report/plan_profile.h"

namespace rouse {

namespace fs = std::filesystem;

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

namespace {

std::string policy_of(const std::string& plan) {
  return "plan:" + quote(plan);
}

/// Which items of a benchmark.
Words of_items(const Setting& s) {
  const EvalOptions& e = s.o.eval;
  Words words{"--sample-seed", cat(e.sample_seed)};
  if (!e.data.empty()) words = with(words, {"--data", e.data});
  if (e.limit > 0) words = with(words, {"--limit", cat(e.limit)});
  return words;
}

/// What a call leaves as a file, whole or not at all.
using Run = std::function<EvalOutcome(const std::atomic<bool>& stop)>;
Run leaving(const std::string& product, std::function<Json(const std::atomic<bool>& stop)> make) {
  return [product, make = std::move(make)](const std::atomic<bool>& stop) {
    write_whole(product, make(stop).dump(2) + "\n");
    return EvalOutcome{.whole = true};
  };
}
Run leaving_plan(const std::string& product, std::function<Plan()> make) {
  return [product, make = std::move(make)](const std::atomic<bool>&) {
    const OutputFile output(product, false);
    save_plan(make(), output.file());
    return EvalOutcome{.whole = true};
  };
}

/// What evaluations of a paper differ in.
struct Differs {
  double dev_share = EvalOptions{}.dev_share;
  int n_sample = 1;
  float temperature = 0;
};

/// Characters over four: what a token of a prompt is, more or less.
double n_token_of(const std::string& text) {
  return static_cast<double>(text.size()) / 4;
}

Work work_of(const EvalOptions& e) {
  std::vector<const TaskEntry*> entries;
  for (const std::string& name : e.tasks) {
    const TaskEntry& task = task_entry(name, e.protocol);
    if (task.kind != TaskKind::tokens) entries.push_back(&task);  // windows take a tokenizer
  }
  size_t n_error = 0, n_setting = 0;
  for (const std::string& method : e.methods) n_setting += sweep_variants(method, {}).size();
  Work one;
  for (const LoadedEval& task : load_tasks(e, entries, nullptr, {}, n_error))
    for (const Item& item : task.items) {
      one.rows += n_token_of(item.prompt);
      for (const std::string& choice : item.choices) one.rows += n_token_of(choice);
      if (task.entry->kind == TaskKind::text)
        one.steps += e.runner.n_predict > 0 ? e.runner.n_predict : task.entry->n_predict;
    }
  const auto n = static_cast<double>(n_setting) * e.runner.n_sample;
  return {n * one.rows, n * one.steps};
}

/// --limit, where it counts items; of a share or of none nothing is left out.
int limited(const Setting& s, int usual) {
  const double limit = s.o.eval.limit;
  return limit >= 1 ? std::min(usual, static_cast<int>(limit)) : usual;
}

/// Methods over tasks, in a folder of the step's name.
ReproStep evaluation(const Setting& s, const std::string& name, const std::string& title, const Words& tasks,
                     const Words& methods, const Differs& more = {}) {
  EvalOptions e = s.o.eval;
  e.tasks = tasks, e.methods = methods, e.output = s.at(name);
  e.dev_share = more.dev_share;
  e.runner.n_sample = more.n_sample, e.runner.sampling.temperature = more.temperature;
  Words words{"eval",
              "--tasks",
              join(tasks, ","),
              "-o",
              s.at(name),
              "--parallel",
              cat(e.runner.n_parallel),
              "--exec-seconds",
              cat(e.limits.seconds)};
  words = with(words, of_items(s));
  if (e.runner.n_predict > 0) words = with(words, {"-n", cat(e.runner.n_predict)});
  if (e.n_shot >= 0) words = with(words, {"--shots", cat(e.n_shot)});
  if (e.protocol != kOwnProtocol) words = with(words, {"--protocol", e.protocol});
  if (e.runner.ignore_eos) words.emplace_back("--ignore-eos");
  if (e.runner.chat_template) words.emplace_back("--chat-template");
  if (e.unsafe_exec) words.emplace_back("--unsafe-exec");
  for (const std::string& method : methods) words = with(words, {"--methods", method});
  words = with(words, s.model);
  if (more.dev_share != EvalOptions{}.dev_share) words = with(words, {"--dev-share", cat(more.dev_share)});
  if (more.n_sample > 1)
    words = with(words, {"--samples", cat(more.n_sample), "--temp", cat(more.temperature)});
  return {name,
          title,
          words,
          "",
          [e](const std::atomic<bool>& stop) { return run_evaluation(e, stop); },
          [e] { return work_of(e); }};
}

Words tasks_where(const Setting& s, bool (*keep)(const TaskEntry&)) {
  Words out;
  for (const std::string& name : s.tasks)
    if (keep(task_entry(name))) out.push_back(name);
  return out;
}
bool generates(const TaskEntry& task) {
  return task.kind == TaskKind::text;
}
/// Its records hold true and false answers to a question, as ITI needs.
bool judges(const TaskEntry& task) {
  return std::string(task.name).rfind("truthfulqa", 0) == 0 || std::string(task.name) == "lab_contrast";
}
bool votes(const TaskEntry& task) {
  return task.vote != nullptr;
}

/// The paper's grid of beta, and of weak routings: rank-2 of top-2 models (section 4), top-1 to top-3 of
/// finer ones (table 10).
constexpr const char* kBetas = "0.1|0.3|0.5|0.7|0.9";
std::string weak_grid(const Setting& s) {
  return s.k <= 2 ? "rank:2" : cat("topk:1..", std::min(3, s.k - 1));
}

/// SCMoE (arXiv:2405.14507): its main table with every setting chosen on a development split (the authors
/// chose theirs on the test items), its sweeps of weak and strong routings and of beta, self-consistency, the
/// divergences behind the choice of a weak routing, latency.
std::vector<ReproStep> scmoe_steps(const Setting& s) {
  const Differs chosen{.dev_share = s.o.eval.dev_share}, all{.dev_share = 0};
  const std::string ranks = cat("rank:1..", s.n, "|random:1");
  const std::string weaks = s.k <= 2 ? ranks : cat(ranks, "|", weak_grid(s));
  Words main{"greedy", "greedy routing=dynamic:0.3|dynamic:0.4|dynamic:0.5|dynamic:0.6|dynamic:0.7",
             cat("greedy routing=topk:1..", s.n), cat("scmoe weak=", weak_grid(s), " beta=", kBetas),
             "dola dola-layers=low|high"};
  if (!tasks_where(s, generates).empty()) main.emplace_back("contrastive penalty-alpha=0.3|0.6");
  if (!s.o.amateur.empty()) main.push_back(cat("cd amateur=", s.o.amateur, " beta=", kBetas));
  std::vector<ReproStep> steps{
      evaluation(s, "main", "Main results; grids chosen on the development split", s.tasks, main, chosen),
      evaluation(s, "routing", "Routing sweep: k, rank-k and random routing alone", s.tasks,
                 {"greedy", cat("greedy routing=topk:1..", s.n, "|", ranks)}, all),
      evaluation(s, "weak", "SCMoE by its weak routing", s.tasks, {"greedy", cat("scmoe weak=", weaks)}, all),
      evaluation(s, "strong", "SCMoE by its strong routing", s.tasks,
                 {"greedy", cat("scmoe routing=topk:1..", s.n)}, all),
      evaluation(s, "beta", "SCMoE by the strength of the contrast", s.tasks,
                 {"greedy", "scmoe beta=0.1:0.9:0.2"}, all),
  };
  // Rank-3 is what the paper voted with on Mixtral; of finer models it says nothing.
  const std::string voter = s.k <= 2 && s.n >= 3 ? "scmoe weak=rank:3" : "scmoe";
  if (const Words tasks = tasks_where(s, votes); !tasks.empty())
    steps.push_back(evaluation(s, "votes", "Self-consistency, temperature 0.7", tasks, {"greedy", voter},
                               {.n_sample = s.o.n_sample, .temperature = 0.7f}));
  const std::string gsm8k = (fs::path(s.o.eval.data) / "gsm8k_test.jsonl").string();
  const std::string text = !s.o.text.empty() ? s.o.text : fs::exists(gsm8k) ? gsm8k : "";
  if (!text.empty()) {
    Words words = with({"report", "divergence", "--text", text}, s.model);
    if (!s.o.amateur.empty()) words = with(words, {"--amateur", s.o.amateur});
    DivergenceOptions d;
    d.model = s.o.eval.model, d.text = text, d.amateur = s.o.amateur, d.n_text = limited(s, d.n_text);
    if (d.n_text != DivergenceOptions{}.n_text) words = with(words, {"--limit", cat(d.n_text)});
    constexpr int kRoutings = 10;  // the strong one, and those that are compared with it
    const std::string product = s.at("divergence.json");
    steps.push_back({"divergence", "Divergence of weak routings from the strong one", words, product,
                     leaving(product, [d](const std::atomic<bool>& stop) { return run_divergence(d, stop); }),
                     [d] {
                       return Work{double{kRoutings} * d.n_text * d.n_token, 0};
                     }});
  }
  Words bench = with({"bench", "--json", "--prompt-sizes", "128"}, s.model);
  if (!s.o.amateur.empty()) bench = with(bench, {"--amateur", s.o.amateur});
  LatencyOptions latency;
  latency.model = s.o.eval.model, latency.n_prompt = {128}, latency.amateur = s.o.amateur;
  latency.repeats = limited(s, latency.repeats);
  if (latency.repeats != LatencyOptions{}.repeats) bench = with(bench, {"--repeats", cat(latency.repeats)});
  constexpr int kRows = 12;  // methods that are timed
  const std::string product = s.at("latency.json");
  steps.push_back(
      {"latency", "Latency", bench, product,
       leaving(product, [latency](const std::atomic<bool>& stop) { return run_latency(latency, stop); }),
       [latency] {
         const double turns = double{kRows} * (latency.repeats + 1);
         return Work{turns * latency.n_prompt[0], turns * latency.n_gen};
       }});
  return steps;
}

/// Counterfactual Routing (arXiv:2604.14246), zero-shot throughout as in the paper: the plan, the main table
/// with its controls, the ablation of its two parts, the Pareto figure, the layer profile and the dormant
/// experts.
std::vector<ReproStep> cor_steps(const Setting& s) {
  std::vector<ReproStep> steps;
  std::string plan = s.o.plan;
  if (plan.empty()) {
    const std::string c4 = (fs::path(s.o.eval.data) / "calibration/c4.jsonl").string();
    const std::string text = s.o.text.empty() ? c4 : s.o.text;
    require_usage(fs::exists(text), text, ": no calibration text; give --text FILE or --plan PLAN");
    plan = s.at("plan.cor.json");
    constexpr int kTokens = 1000, kTokensAnItem = 50;
    const int n_token =
        s.o.n_calibration > 0 ? s.o.n_calibration : kTokensAnItem * limited(s, kTokens / kTokensAnItem);
    CalibrateCommand c;
    c.model = s.o.eval.model, c.texts = {text}, c.options.n_scored = n_token, c.output = plan;
    c.as_paper();
    steps.push_back(
        {"plan", "Calibration",
         with({"calibrate", "--text", text, "--tokens", cat(n_token), "--intensity", "paper", "--no-certify",
               "-o", plan},
              s.model),
         plan,
         [c](const std::atomic<bool>& stop) {
           run_calibration(c, stop);
           return EvalOutcome{.whole = true};
         },
         [n_token, k = s.k, n = s.n_block] {  // every expert of a row away, half the blocks on average
           return Work{static_cast<double>(n_token) * n * (k + 1) / 2, 0};
         }});
  }
  const std::string random = s.at("random.cor.json"), shuffled = s.at("shuffled.cor.json");
  Words of_model{"plan", "random", "-o", random};
  if (!s.o.eval.model.model.empty()) of_model = with(of_model, {"-m", s.o.eval.model.model});
  const std::string model = model_path(s.o.eval.model);
  steps.push_back({"random", "A plan of random numbers", of_model, random,
                   leaving_plan(random, [model] { return random_plan(GgufFile(model), 1); })});
  steps.push_back({"shuffled",
                   "The plan's numbers at other places",
                   {"plan", "shuffle", plan, "-o", shuffled},
                   shuffled,
                   leaving_plan(shuffled, [plan] { return shuffled_plan(read_plan(plan), 1); })});
  const std::string profile = s.at("profile.json");
  steps.push_back({"profile",
                   "The plan: layers and experts",
                   {"plan", "show", plan, "--json", "--experts", "1000000"},
                   profile,
                   leaving(profile, [plan](const std::atomic<bool>&) {
                     return plan_profile(read_plan(plan), plan, 1000000);
                   })});
  const std::string dola = "dola dola-layers=low|high";
  Words main{"topk",          cat("greedy routing=random:", s.k),     dola, policy_of(random),
             policy_of(plan), cat(dola, " routing=", policy_of(plan))};
  const bool enough = s.o.eval.limit == 0 || s.o.eval.dev_share * s.o.eval.limit >= 10;
  if (const Words tasks = tasks_where(s, judges); !tasks.empty() && s.o.eval.dev_share > 0 && enough) {
    const std::string iti = s.at("heads.iti");
    ItiOptions fit;
    fit.eval.model = s.o.eval.model, fit.eval.data = s.o.eval.data, fit.eval.limit = s.o.eval.limit;
    fit.eval.sample_seed = s.o.eval.sample_seed, fit.eval.dev_share = s.o.eval.dev_share;
    fit.eval.output = iti, fit.task = tasks[0];
    steps.push_back(
        {"iti", "Inference-time intervention: heads, on the development items",
         with(with({"iti", "fit", "--task", tasks[0], "--dev-share", cat(s.o.eval.dev_share), "-o", iti},
                   of_items(s)),
              s.model),
         iti,
         [fit](const std::atomic<bool>& stop) {
           run_iti_fit(fit, stop);
           return EvalOutcome{.whole = true};
         },
         [e = fit.eval, task = tasks[0]]() mutable {
           e.tasks = {task}, e.methods = {"greedy"};
           return work_of(e);
         }});
    main.push_back(cat("greedy iti=", quote(iti), " iti-alpha=1|5|15"));
  } else {
    std::fprintf(stderr, "rouse: no ten development items of TruthfulQA or lab_contrast: ITI is left out\n");
  }
  steps.push_back(evaluation(s, "main", "Main results at equal cost; grids chosen on the development split",
                             s.tasks, main, {.dev_share = s.o.eval.dev_share}));
  steps.push_back(evaluation(s, "ablation", "Parts of the plan, and its controls", s.tasks,
                             {"topk", policy_of(plan) + ",layers-only", policy_of(plan) + ",experts-only",
                              policy_of(plan), policy_of(shuffled), policy_of(random)}));
  steps.push_back(
      evaluation(s, "pareto", "More experts for every token, or the same ones better spent", s.tasks,
                 {"topk", cat("greedy routing=topk:", s.k, "..", std::min(s.k + 4, s.n)), policy_of(plan)},
                 {.dev_share = 0}));
  return steps;
}

}  // namespace

std::span<const Paper> papers() {
  static const Paper kPapers[] = {
      {"scmoe",
       "Self-Contrast Mixture-of-Experts (arXiv:2405.14507)",
       {"gsm8k", "strategyqa", "mbpp", "humaneval"},
       {"lab_arithmetic"},
       scmoe_steps},
      {"cor",
       "Counterfactual Routing (arXiv:2604.14246)",
       {"truthfulqa_mc1", "truthfulqa_mc2", "factor_news", "factor_wiki", "factor_expert", "triviaqa"},
       {"lab_facts", "lab_contrast"},
       cor_steps,
       0},
  };
  return kPapers;
}

}  // namespace rouse
