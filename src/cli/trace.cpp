/// cli/trace.cpp - which experts every token used, and how sure the router was, as JSON Lines
/// (routing/trace.h).
#include "routing/trace.h"

#include <iostream>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/command.h"
#include "cli/output.h"

namespace rouse {
namespace {

struct TraceOptions {
  ModelOptions model;
  PromptOptions prompt;
  std::string routing = "topk", output;
  int n_predict = 0;
  bool force = false;
};

int trace(const TraceOptions& o) {
  const std::string inputs[] = {model_path(o.model), o.prompt.file};
  std::optional<OutputFile> file;
  if (!o.output.empty()) file.emplace(o.output, o.force, inputs);
  const std::string text = prompt_text(o.prompt);
  Session session(o.model, 1);
  const ModelSpec& spec = session.model->spec();
  require_usage(spec.router.moe(), "a dense model has no routing to trace");
  const RoutingPolicy policy(o.routing, spec.router);
  std::vector<int> prompt = prompt_tokens(o.prompt, *session.tokenizer, text);
  require_usage(!prompt.empty(), "the prompt is empty");

  std::ostream& out = file ? file->stream() : std::cout;
  write_trace_header(out, spec.arch, spec.router);

  const SeqId seq = session.engine->open(static_cast<int>(prompt.size()) + o.n_predict);
  std::vector<int> pending = prompt;
  Chooser chooser({});
  for (int n = 0; n <= o.n_predict && !interrupted; ++n) {
    RowGroup group{&policy, {}};
    for (const int token : pending) group.rows.push_back({seq, token, Output::none});
    group.rows.back().output = Output::logits;
    const int64_t first = session.engine->length(seq);
    const StepResult& result = session.engine->run({.batch = {group}, .taps = {.routing = true}});
    for (size_t i = 0; i < pending.size(); ++i) {
      result.require_sound(i);
      TraceRow row{first + static_cast<int64_t>(i), pending[i], {}, {}};
      for (const RoutedRow& layer : result.routing[i]) {
        row.experts.push_back(layer.experts);
        row.gates.push_back(layer.gates);
      }
      write_trace_row(out, row);
    }
    if (!file) flush_output();
    require(out.good(), o.output, ": cannot write the trace (disk full?)");
    const auto logits = result.logits(pending.size() - 1);
    std::vector<float> scores(logits.begin(), logits.end());
    pending = {chooser.pick(scores, {})};
    if (session.tokenizer->ends_generation(pending[0])) break;
  }
  if (file && interrupted)
    throw Error(cat(o.output, ": interrupted, nothing was written"), ErrorKind::interrupted);
  if (file) file->commit();
  return interrupted ? static_cast<int>(Exit::interrupted) : 0;
}

}  // namespace

void add_trace(CLI::App& app) {
  auto o = std::make_shared<TraceOptions>();
  CLI::App* sub = app.add_subcommand("trace", "Record the experts and gates of every token as JSON Lines");
  add_model_options(*sub, o->model);
  add_prompt_options(*sub, o->prompt);
  sub->add_option("--routing", o->routing, "routing policy")->capture_default_str();
  sub->add_option("-n,--predict", o->n_predict, "also trace this many generated tokens")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  sub->add_option("-o,--output", o->output,
                  "write here instead of standard output; replay:FILE routes by it");
  add_force_option(*sub, o->force);
  sub->footer("Routing policies:\n" + policy_help());
  on_run(*sub, [o] { return trace(*o); });
}

}  // namespace rouse
