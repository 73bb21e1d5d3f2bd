/// cli/run.cpp - one prompt, or several samples of it, through a method and a routing policy.
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/answer_printer.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "decoding/vote.h"

namespace rouse {
namespace {

/// Where the answer goes: the file of -o, or standard output.
class Answers {
 public:
  Answers(const RunOptions& o, const std::atomic<bool>& stop) : stop_(stop) {
    const std::string inputs[] = {model_path(o.model), o.request.prompt.file};
    if (!o.output.empty()) file_.emplace(o.output, o.force, inputs);
  }
  bool to_file() const { return file_.has_value(); }
  void add(const std::string& text) { (file_ ? file_->stream() : std::cout) << text; }
  void add_json(const Json& json) { add(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"); }
  /// Returns the exit code.
  int finish() {
    if (file_ && stop_) throw Error("interrupted; no answer was written", ErrorKind::interrupted);
    if (file_) file_->commit();
    return stop_ ? static_cast<int>(Exit::interrupted) : 0;
  }

 private:
  const std::atomic<bool>& stop_;
  std::optional<OutputFile> file_;
};

/// The request with the text of its prompt, wherever that comes from.
Request asked(const RunOptions& o) {
  Request request = o.request;
  request.prompt.prompt = prompt_text(o.request.prompt);
  return request;
}

int run_one(const RunOptions& o, const std::atomic<bool>& stop) {
  Answers out(o, stop);
  const Request request = asked(o);
  const Session session(o.model, {&request.method, 1});
  AnswerPrinter printer;
  const bool print = !o.json && !out.to_file();
  const auto samples = start_request(session, request, print ? printer.text() : OnText(),
                                     print ? printer.reasoning() : OnText());
  Generation *const one = samples[0].get(), *generation = one;
  run_generations(session.engines(), {&one, 1}, &stop);
  if (o.json) {
    out.add_json(generation_json(*generation, request.method, session.router()));
    return out.finish();
  }
  if (print) printer.finish();
  out.add((out.to_file() ? generation->answer_text() : "") + "\n");
  const int code = out.finish();
  if (generation->answer_text().empty() && !generation->reasoning().empty())
    std::fprintf(stderr, "rouse: the text ends within its reasoning, there is no answer; --json shows it\n");
  const Json t = timings_json(*generation);
  std::fprintf(stderr, "\n%s | %s | prompt %zu tokens at %.0f/s | %zu tokens at %.1f/s | load %.2f s\n",
               method_text(resolved(request.method, session.router())).c_str(),
               generation->method().streams()[0].policy.text().c_str(), generation->prompt().size(),
               t["prefill_tok_s"].get<double>(), generation->tokens().size(), t["step_tok_s"].get<double>(),
               session.load_seconds);
  return code;
}

/// Self-consistency: n samples, seeds in a row, and the majority of their answers. They share the prompt, or
/// with a routing each those of one routing do.
int run_samples(const RunOptions& o, const std::atomic<bool>& stop) {
  Answers out(o, stop);
  const Request request = asked(o);
  require_usage(request.generate.sampling.temperature > 0 || samples_differ(request.method, request.n_sample),
                "--samples: samples of one routing would be the same at temperature 0; give --temp, or "
                "--routing-per-sample with a policy for each");
  const ExtractorEntry& entry = extractor(o.vote);
  const Session session(o.model, {&request.method, 1}, request.n_sample);
  const auto samples = start_request(session, request);
  std::vector<Generation*> all;
  for (const auto& g : samples) all.push_back(g.get());
  const double begin = now_seconds();
  run_generations(session.engines(), all, &stop);
  const double seconds = now_seconds() - begin;
  std::vector<std::optional<std::string>> answers;
  Json rows = Json::array();
  int64_t n_token = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    answers.push_back(entry.extract(samples[i]->answer_text()));
    Json row = generation_json(*samples[i], of_sample(request.method, static_cast<int>(i)), session.router());
    row["seed"] = request.generate.sampling.seed + i;
    row["answer"] = answers.back() ? Json(*answers.back()) : Json(nullptr);
    rows.push_back(std::move(row));
    n_token += static_cast<int64_t>(samples[i]->tokens().size());
  }
  const auto vote = majority(answers);
  if (o.json) {
    Json major = Json::array();
    for (size_t k = 1; k <= answers.size(); ++k) {
      const auto at = majority(std::span(answers).first(k));
      major.push_back(at ? Json(*at) : Json(nullptr));
    }
    out.add_json({{"vote", vote ? Json(*vote) : Json(nullptr)},
                  {"extractor", entry.name},
                  {"major_at_k", major},
                  {"seconds", seconds},
                  {"samples", rows}});
    return out.finish();
  }
  std::map<std::string, int> counts;
  for (const auto& a : answers) ++counts[a ? *a : "(none)"];
  for (const auto& [answer, n] : counts) {
    char count[16];
    std::snprintf(count, sizeof count, "%4d  ", n);
    out.add(cat(count, answer, "\n"));
  }
  out.add((vote ? *vote : "(no answer)") + "\n");
  const int code = out.finish();
  std::fprintf(stderr, "\n%s | %s | %d samples, %lld tokens at %.1f/s\n",
               method_text(resolved(request.method, session.router())).c_str(),
               samples[0]->method().streams()[0].policy.text().c_str(), request.n_sample,
               static_cast<long long>(n_token), static_cast<double>(n_token) / seconds);
  return code;
}

/// Files and presets by name, before whatever uses them.
void add_name_options(CLI::App& run, RunOptions& o) {
  auto names = std::make_shared<Names>();
  o.rules.names = names;
  o.request.method.files = names_or_paths(names);
  const auto each = [](void (Names::*add)(const std::string&), const std::shared_ptr<Names>& to) {
    return [add, to](const std::vector<std::string>& texts) {
      for (const std::string& text : texts) (*to.*add)(text);
    };
  };
  run.add_option_function<std::vector<std::string>>(
         "--name", each(&Names::add_file, names),
         "NAME=FILE: a plan, a trace or a file of `rouse steer "
         "fit` or `rouse iti fit`, read once, that policies and --iti can then "
         "call by this name; repeatable")
      ->allow_extra_args(false);
  run.add_option_function<std::vector<std::string>>("--preset", each(&Names::add_preset, names),
                                                    "NAME=\"METHOD|POLICY [name=value...]\": what lines of "
                                                    "--batch can call by this name as \"method\" or "
                                                    "\"preset\"; repeatable")
      ->allow_extra_args(false);
}

}  // namespace

void add_run(CLI::App& app) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand("run", "Answer one prompt, or a file of prompts");
  add_model_options(*run, o->model);
  add_name_options(*run, *o);
  add_prompt_options(*run, o->request.prompt);
  add_method_options(*run, o->request.method);
  add_generate_options(*run, o->request.generate);
  add_options(*run, OptionGroup::detail, {.generate = &o->request.generate});
  run->add_option("--samples", o->request.n_sample,
                  "self-consistency: so many samples, and the majority of answers")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2));
  std::string extractors;
  for (const ExtractorEntry& e : extractor_registry()) extractors += cat(e.name, ": ", e.help, "; ");
  run->add_option("--vote", o->vote, "how --samples finds an answer. " + extractors)->capture_default_str();
  run->add_option("--batch", o->batch,
                  "answer every line of a JSON Lines file: {\"id\", \"prompt\", options...}");
  run->add_option("--parallel", o->n_parallel, "texts of --batch that run side by side")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2));
  run->add_option("-o,--output", o->output,
                  "write the answer (with --json the object) to this file; with --batch append the answers: "
                  "running again continues");
  add_force_option(*run, o->force);
  add_json_option(*run, o->json);
  on_run(*run, [o](const std::atomic<bool>& stop) {
    const GenerateOptions& g = o->request.generate;
    require_usage((g.n_top < 0 && !g.routing) || o->json || !o->batch.empty(),
                  "--log-probs and --experts are part of the object that --json prints");
    require_usage(o->request.n_sample == 1 || o->batch.empty(),
                  "--samples is for one prompt, --batch for many");
    require_usage(!o->force || o->batch.empty(),
                  "--force replaces one answer; --batch continues its file, choose another -o to begin anew");
    return !o->batch.empty()         ? run_batch(*o, stop)
           : o->request.n_sample > 1 ? run_samples(*o, stop)
                                     : run_one(*o, stop);
  });
}

}  // namespace rouse
