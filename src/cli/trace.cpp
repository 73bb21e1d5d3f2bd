/// cli/trace.cpp - the flags of `rouse trace`.
#include <iostream>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/command.h"
#include "cli/output.h"
#include "report/trace_record.h"

namespace rouse {
namespace {

struct TraceOptions {
  ModelOptions model;
  PromptOptions prompt;
  std::string routing = "topk", output;
  int n_predict = 0;
  bool json = false, force = false;
};

int trace(const TraceOptions& o, const std::atomic<bool>& stop) {
  const std::string inputs[] = {model_path(o.model), o.prompt.file};
  std::optional<OutputFile> file;
  if (!o.output.empty()) file.emplace(o.output, o.force, inputs);
  const std::string text = prompt_text(o.prompt);
  Session session(o.model, 1);
  const std::vector<int> prompt = prompt_tokens(o.prompt, *session.tokenizer, text);
  std::ostream& out = file ? file->stream() : std::cout;
  const auto flushed = [&] {
    if (!file) flush_output();
    require(out.good(), o.output, ": cannot write the trace (disk full?)");
  };
  record_trace(session, {prompt, o.routing, o.n_predict}, out, flushed, &stop);
  if (file && stop) throw Error(cat(o.output, ": interrupted, nothing was written"), ErrorKind::interrupted);
  if (file) file->commit();
  if (file && o.json) print_json({{"output", o.output}, {"prompt_tokens", prompt.size()}});
  return stop ? static_cast<int>(Exit::interrupted) : 0;
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
  add_json_option(*sub, o->json, "as always, a JSON document a line; with -o one that names the file");
  sub->footer("Routing policies:\n" + policy_help());
  on_run(*sub, [o](const std::atomic<bool>& stop) { return trace(*o, stop); });
}

}  // namespace rouse
