/// cli/command.h - what subcommands share: options, opening a model, prompts, interruption, progress.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "decoding/scheduler.h"
#include "tokenizer/pair.h"

namespace rouse {

using Json = nlohmann::ordered_json;

/// Set by Ctrl-C; long work looks at it between steps.
inline std::atomic<bool> interrupted = false;

/// What a command does once the words and the environment are read; it returns the exit code.
void on_run(CLI::App& command, std::function<int()> run);

struct ModelOptions {
  std::string model;  ///< path; empty: the default model
  int n_thread = 0, n_ctx = 0, n_batch = 512, n_gpu_layer = 0, n_cpu_moe = 0;
  std::vector<std::string> overrides;  ///< PATTERN=DEVICE
  std::string kv_type = "f16", flash = "on";
};
/// -ngl, -ncmoe, -ot.
void add_placement_options(CLI::App& app, ModelOptions& o);
void add_model_options(CLI::App& app, ModelOptions& o);

struct PromptOptions {
  std::string prompt, file, tokens, chat_template, system;
  bool raw = false;
  std::optional<bool> special;  ///< control tokens in the text count; where unset: with --raw
};
void add_prompt_options(CLI::App& app, PromptOptions& o);

/// --force, for commands that leave a file.
void add_force_option(CLI::App& app, bool& force);
void add_method_options(CLI::App& app, MethodOptions& o);
void add_generate_options(CLI::App& app, GenerateOptions& o);

/// The file of `-m`, or the default model beside the binary's source tree. Throws Error (exit 3) saying how
/// to get one.
std::string model_path(const ModelOptions& o);

/// Folders that may hold benchmarks' files: the given one, and the default model's sets where that is.
std::vector<std::string> data_folders(const std::string& given);

/// A model with its tokenizer, ready to run, and the amateur of contrastive decoding where one is wanted.
/// options.n_ctx (-c) bounds every text by itself, on each of its method's streams; there are cells for all
/// that run side by side.
struct Session {
  explicit Session(const ModelOptions& o, int n_stream = 1, const std::string& amateur_path = "");
  /// For the methods at hand, `n_parallel` texts at a time. Throws Error (exit 2) when they name two
  /// amateurs.
  Session(const ModelOptions& o, std::span<const MethodOptions> methods, int n_parallel = 1);
  Engines engines() const { return {engine.get(), amateur_engine.get()}; }
  MethodModels models() const { return {model->spec(), accelerated, amateur ? &amateur->spec() : nullptr}; }
  const RouterSpec& router() const { return model->spec().router; }
  /// A generation whose options were checked against each other. Throws Error (exit 2).
  std::unique_ptr<Generation> start(const MethodOptions& method, std::vector<int> prompt,
                                    const GenerateOptions& options, Generation::OnText on_text = {}) const;

  std::shared_ptr<const Devices> devices;
  std::shared_ptr<const Model> model, amateur;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Engine> engine, amateur_engine;
  bool accelerated = false;
  double load_seconds = 0;

 private:
  Session(const ModelOptions& o, const std::function<int64_t(int64_t n_ctx)>& n_cell,
          const std::string& amateur_path);
};
/// Loads only the weights, with a progress bar for slow loads.
std::shared_ptr<const Model> load_model(const ModelOptions& o, std::shared_ptr<const Devices> devices);

/// --special and --no-special.
void add_special_option(CLI::App& app, std::optional<bool>& special);
/// The prompt as tokens, by --tokens, --raw or the chat template. Throws Error (exit 2) when there is none.
std::vector<int> prompt_tokens(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt);
/// The prompt, and a text that follows it, as the tokens of one text (tokenizer/pair.h). Tokens of --tokens
/// stay as they are.
EncodedPairs prompt_pair(const PromptOptions& o, const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& continuation);
/// The text of -p, of -f, or of standard input when it is no terminal; the last two as plain_text.
std::string prompt_text(const PromptOptions& o);

/// The whole file. Throws Error (exit 2); `what` names it.
std::string file_text(const std::string& path, const char* what);
/// "scmoe weak=rank:3 beta=0.8", "topk:4", "greedy routing='plan:my file.json'": a method or a policy, then
/// its options, quoted where they must be (base/quoting.h). Throws Error (exit 2).
MethodOptions parse_variant(const std::string& text);
/// What tells a method from others: "scmoe(weak=rank:2) plan:x.cor.json", "topk:4", and "greedy" under the
/// model's own rule. `policy` is its routing, files by their name alone.
std::string variant_label(const MethodOptions& method, const RoutingPolicy& policy);
/// The same from their texts, as results hold them.
std::string variant_label(const std::string& method_text, const std::string& policy_text);
/// One line a method.
std::string method_help();

/// One bar on a terminal for work over two seconds; silent otherwise.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  void update(double done, const std::string& note = "");

 private:
  std::string label_;
  double begin_, last_ = 0;
  bool enabled_, shown_ = false;
};

/// A terminal that wants colour: NO_COLOR is unset and standard output is a terminal.
bool use_color();

Json cost_json(const Cost& cost);
Json timings_json(const Generation& g);
/// What `run --json` prints.
Json generation_json(const Generation& g, const MethodOptions& method, const RouterSpec& router);

void add_run(CLI::App& app);
void add_chat(CLI::App& app);
void add_compare(CLI::App& app);
void add_inspect(CLI::App& app);
void add_trace(CLI::App& app);
void add_synth(CLI::App& app);
void add_bench(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_plan(CLI::App& app);
void add_whatif(CLI::App& app);
void add_iti(CLI::App& app);
void add_methods(CLI::App& app);
void add_eval(CLI::App& app);
void add_data(CLI::App& app);
void add_report(CLI::App& app);
void add_repro(CLI::App& app);

}  // namespace rouse
