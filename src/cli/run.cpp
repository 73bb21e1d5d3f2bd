/// cli/run.cpp - one prompt, or a file of prompts, through a method and a routing policy.
#include <fstream>
#include <iostream>
#include <set>

#include "base/error.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct RunOptions {
  ModelOptions model;
  PromptOptions prompt;
  MethodOptions method;
  GenerateOptions generate;
  std::string batch, output;
  bool json = false;
};

int stop_code() {
  return interrupted ? static_cast<int>(Exit::interrupted) : 0;
}

int run_one(const RunOptions& o) {
  const std::string text = prompt_text(o.prompt);
  Session session(o.model, stream_count(o.method));
  const RouterSpec& router = session.model->spec().router;
  auto method = make_method(o.method, router, session.accelerated);
  Generation::OnText print;
  if (!o.json) print = [](const std::string& piece) { std::cout << piece << std::flush; };
  Generation generation(*session.engine, *session.tokenizer, std::move(method),
                        prompt_tokens(o.prompt, *session.tokenizer, text), o.generate, print);
  Generation* one = &generation;
  run_generations(*session.engine, {&one, 1}, &interrupted);
  if (o.json) {
    std::cout
        << generation_json(generation, o.method, router).dump(-1, ' ', false, Json::error_handler_t::replace)
        << '\n';
    return stop_code();
  }
  std::cout << '\n';
  const Json t = timings_json(generation);
  std::fprintf(stderr, "\n%s | %s | prompt %zu tokens at %.0f/s | %zu tokens at %.1f/s | load %.2f s\n",
               method_text(o.method, router).c_str(), generation.method().streams()[0].text().c_str(),
               generation.prompt().size(), t["prefill_tok_s"].get<double>(), generation.tokens().size(),
               t["step_tok_s"].get<double>(), session.load_seconds);
  return stop_code();
}

/// Ids that an earlier, interrupted run has already answered; a half-written last line is cut off.
std::set<std::string> answered(const std::string& path) {
  std::set<std::string> ids;
  std::ifstream in(path);
  std::string line;
  std::streamoff good = 0;
  while (std::getline(in, line)) {
    const Json row = Json::parse(line, nullptr, false);
    if (in.eof() || row.is_discarded() || !row.contains("id")) break;
    ids.insert(row["id"].dump());
    good = in.tellg();
  }
  in.close();
  if (std::filesystem::exists(path)) std::filesystem::resize_file(path, static_cast<uintmax_t>(good));
  return ids;
}

struct BatchItem {
  Json id;
  RunOptions options;
  std::string prompt;
};

/// One line of a batch file over the command line's options.
BatchItem parse_item(const RunOptions& base, const std::string& line) {
  BatchItem item{nullptr, base, ""};
  const Json row = Json::parse(line);
  require(row.is_object() && row.contains("id"), "expected an object with \"id\" and \"prompt\"");
  RunOptions& o = item.options;
  auto& s = o.generate.sampling;
  for (const auto& [key, value] : row.items()) {
    if (key == "id")
      item.id = value;
    else if (key == "prompt")
      item.prompt = value.get<std::string>();
    else if (key == "tokens") {
      for (const auto& id : value) o.prompt.tokens += cat(o.prompt.tokens.empty() ? "" : ",", id.get<int>());
    } else if (key == "raw")
      o.prompt.raw = value.get<bool>();
    else if (key == "system")
      o.prompt.system = value.get<std::string>();
    else if (key == "routing")
      o.method.routing = value.get<std::string>();
    else if (key == "method")
      o.method.name = value.get<std::string>();
    else if (key == "weak")
      o.method.weak = value.get<std::string>();
    else if (key == "alpha")
      o.method.alpha = value.get<float>();
    else if (key == "beta")
      o.method.beta = value.get<float>();
    else if (key == "strong_temp")
      o.method.strong_temp = value.get<float>();
    else if (key == "weak_temp")
      o.method.weak_temp = value.get<float>();
    else if (key == "exec")
      o.method.execution = value.get<std::string>();
    else if (key == "n_predict")
      o.generate.n_predict = value.get<int>();
    else if (key == "ignore_eos")
      o.generate.ignore_eos = value.get<bool>();
    else if (key == "stop")
      o.generate.stop =
          value.is_string() ? std::vector{value.get<std::string>()} : value.get<std::vector<std::string>>();
    else if (key == "temp")
      s.temperature = value.get<float>();
    else if (key == "top_k")
      s.top_k = value.get<int>();
    else if (key == "top_p")
      s.top_p = value.get<float>();
    else if (key == "min_p")
      s.min_p = value.get<float>();
    else if (key == "seed")
      s.seed = value.get<uint64_t>();
    else if (key == "repeat_penalty")
      s.repeat_penalty = value.get<float>();
    else if (key == "presence_penalty")
      s.presence_penalty = value.get<float>();
    else if (key == "frequency_penalty")
      s.frequency_penalty = value.get<float>();
    else
      throw Error(cat("unknown key \"", key, "\""));
  }
  return item;
}

std::vector<BatchItem> read_batch(const RunOptions& o) {
  std::ifstream in(o.batch);
  require_usage(in.good(), o.batch, ": cannot open this batch file");
  std::vector<BatchItem> items;
  std::set<std::string> ids;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      items.push_back(parse_item(o, line));
      require(ids.insert(items.back().id.dump()).second, "id ", items.back().id.dump(), " occurs twice");
    } catch (const std::exception& e) {
      throw Error(cat(o.batch, ":", number, ": ", e.what()), Exit::usage);
    }
  }
  return items;
}

int run_batch(const RunOptions& o) {
  require_usage(!o.output.empty(), "--batch needs -o OUT.jsonl for the answers");
  const std::vector<BatchItem> items = read_batch(o);
  const std::set<std::string> done = answered(o.output);
  int n_stream = 1;
  for (const BatchItem& item : items) n_stream = std::max(n_stream, stream_count(item.options.method));
  Session session(o.model, n_stream);
  const RouterSpec& router = session.model->spec().router;
  std::ofstream out(o.output, std::ios::app);
  require(out.good(), o.output, ": cannot write the answers");
  ProgressBar bar(o.batch);
  size_t n_done = 0, n_failed = 0;
  for (const BatchItem& item : items) {
    bar.update(static_cast<double>(n_done++) / static_cast<double>(items.size()));
    if (interrupted) break;
    if (done.count(item.id.dump())) continue;
    Json row{{"id", item.id}};
    try {
      Generation generation(
          *session.engine, *session.tokenizer, make_method(item.options.method, router, session.accelerated),
          prompt_tokens(item.options.prompt, *session.tokenizer, item.prompt), item.options.generate);
      Generation* one = &generation;
      run_generations(*session.engine, {&one, 1}, &interrupted);
      if (generation.stop_reason() == StopReason::cancelled) break;
      row.update(generation_json(generation, item.options.method, router));
    } catch (const Error& e) {  // one bad item must not cost the others
      row["error"] = e.what();
      ++n_failed;
    }
    out << row.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
    require(out.good(), o.output, ": cannot write (disk full?)");
  }
  if (interrupted) {
    std::fprintf(stderr, "interrupted; run the same command again to continue with what is missing in %s\n",
                 o.output.c_str());
    return static_cast<int>(Exit::interrupted);
  }
  if (n_failed)
    std::fprintf(stderr, "%zu of %zu prompts failed; see \"error\" in %s\n", n_failed, items.size(),
                 o.output.c_str());
  return static_cast<int>(n_failed ? Exit::partial : Exit::ok);
}

}  // namespace

void add_run(CLI::App& app) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand("run", "Answer one prompt, or a file of prompts");
  add_model_options(*run, o->model);
  add_prompt_options(*run, o->prompt);
  add_method_options(*run, o->method);
  add_generate_options(*run, o->generate);
  run->add_option("--batch", o->batch,
                  "answer every line of a JSON Lines file: {\"id\", \"prompt\", options...}");
  run->add_option("-o,--output", o->output, "where --batch appends its answers; running again continues");
  run->add_flag("--json", o->json, "print one JSON object");
  run->callback([o] { std::exit(o->batch.empty() ? run_one(*o) : run_batch(*o)); });
}

}  // namespace rouse
