#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "tokenizer/grammar.h"

namespace rouse {

void add_placement_options(CLI::App& app, ModelOptions& o) {
  app.add_option("--n-gpu-layers", o.n_gpu_layer,
                 "(-ngl) the last N blocks on the GPU; more than there are: the head too")
      ->check(CLI::Range(0, 10000));
  app.add_option("--n-cpu-moe", o.n_cpu_moe, "(-ncmoe) expert weights of the first N blocks stay on the CPU")
      ->check(CLI::Range(0, 10000));
  app.add_option("--override-tensor", o.overrides,
                 "(-ot) REGEX=CPU or REGEX=GPU: where matching tensors go; repeatable")
      ->allow_extra_args(false);
}

void add_force_option(CLI::App& app, bool& force) {
  app.add_flag("--force", force, "replace what is there already");
}

void add_model_options(CLI::App& app, ModelOptions& o) {
  o.progress = [bar = std::make_shared<ProgressBar>("loading")](double done) { bar->update(done); };
  app.add_option("-m,--model", o.model, "model file (GGUF); the default model if left out");
  app.add_option("-t,--threads", o.n_thread, "threads (0: one a core)")->check(CLI::Range(0, 1024));
  app.add_option("-c,--ctx-size", o.n_ctx,
                 "tokens that a text may have, prompt and answer, on each stream of its method (0: the "
                 "model's trained "
                 "context, at most 4096)")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("-b,--batch-size", o.n_batch, "rows of a prompt that run together")
      ->check(CLI::Range(1, 8192));
  add_placement_options(app, o);
  app.add_option("--kv-type", o.kv_type, "type of the KV cache")->check(CLI::IsMember({"f16", "f32"}));
  app.add_option("--flash-attn", o.flash, "(-fa) flash attention where the backend has it")
      ->check(CLI::IsMember({"on", "off"}));
}

void add_prompt_options(CLI::App& app, PromptOptions& o) {
  app.add_option("-p,--prompt", o.prompt, "the prompt");
  app.add_option(
      "-f,--file", o.file,
      "read the prompt from a file (as standard input: a byte order mark is dropped, \\r\\n is \\n)");
  app.add_option("--tokens", o.tokens, "the prompt as token ids: ID,ID,...");
  app.add_flag("--raw", o.raw, "take the prompt as it is, without the chat template");
  app.add_option("--system", o.system, "system message for the chat template");
  app.add_option("--chat-template", o.chat_template,
                 "use this template instead of the file's (qa, chatml, llama3, ...)");
  add_special_option(app, o.special);
}

void add_special_option(CLI::App& app, std::optional<bool>& special) {
  app.add_flag_function(
      "--special,!--no-special", [&special](int64_t n) { special = n > 0; },
      "whether control tokens count where the text spells them, such as </s>, or are text (default: they "
      "count with --raw; of a chat template only its own)");
}

/// The default of an option as `--help` shows it.
static std::string default_text(const MethodOption& option) {
  const MethodOptions o;
  if (const auto* text = std::get_if<std::string MethodOptions::*>(&option.member)) return o.**text;
  if (const auto* real = std::get_if<float MethodOptions::*>(&option.member)) return cat(o.**real);
  return cat(o.*std::get<int MethodOptions::*>(option.member));
}

void add_method_options(CLI::App& app, MethodOptions& o) {
  for (const MethodOption& option : method_options()) {
    const std::string help = *option.methods ? cat(option.methods, ": ", option.help) : option.help;
    const auto set = [&o, name = std::string(option.name)](const std::string& value) {
      const std::set<std::string> given = o.given;
      set_method_option(o, name, value);
      if (from_environment()) o.given = given;  // a default, so the method need not read it
    };
    auto* flag = app.add_option_function<std::string>(cat("--", option.name), set, help);
    flag->type_name("")->default_str(default_text(option));
  }
  app.footer("Routing policies:\n" + policy_help() + "Methods:\n" + method_help());
}

std::string method_help() {
  std::string out;
  for (const MethodEntry& entry : method_registry())
    out += cat("  ", padded(entry.name, 12), " ", entry.help, "\n");
  return out;
}

void add_generate_options(CLI::App& app, GenerateOptions& o) {
  auto& s = o.sampling;
  app.add_option("-n,--predict", o.n_predict, "tokens to generate at most")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--stop", o.stop,
                 "text, or a control token by its name, that ends the answer and is not printed; repeatable");
  app.add_flag("--ignore-eos", o.ignore_eos, "forbid the end token");
  app.add_option_function<std::string>(
         "--grammar",
         [&o](const std::string& value) {
           require_usage(o.grammar.empty(), "give one of --grammar and --json-schema");
           o.grammar = plain_text(file_text(value, "grammar"));
         },
         "GBNF file that the text must follow")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--json-schema",
         [&o](const std::string& value) {
           require_usage(o.grammar.empty(), "give one of --grammar and --json-schema");
           o.grammar = json_schema_grammar(file_text(value, "JSON schema"));
         },
         "file with a JSON schema (a subset, see docs/methods.md) that the text must follow")
      ->type_name("FILE");
  app.add_option("-s,--seed", s.seed, "seed of the sampling")->capture_default_str();
  app.add_option("--temp", s.temperature, "temperature; 0 is greedy")->capture_default_str();
  app.add_option("--top-k", s.top_k, "sample among the K best (0: all)")->capture_default_str();
  app.add_option("--top-p", s.top_p, "sample among the best that hold P of the probability")
      ->capture_default_str();
  app.add_option("--min-p", s.min_p, "sample among tokens of at least P times the best one's probability")
      ->capture_default_str();
  app.add_option("--repeat-penalty", s.repeat_penalty, "penalty on recent tokens (1: none)")
      ->capture_default_str();
  app.add_option("--presence-penalty", s.presence_penalty, "subtracted from recent tokens")
      ->capture_default_str();
  app.add_option("--frequency-penalty", s.frequency_penalty, "subtracted for each occurrence")
      ->capture_default_str();
  app.add_option("--repeat-last-n", s.repeat_last_n, "how many tokens are recent (-1: all)")
      ->capture_default_str();
}

/// A prompt that somebody wrote in an editor.
static std::string written_text(std::string text, const std::string& where) {
  require_usage(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), where,
                ": is UTF-16, expected UTF-8");
  return plain_text(std::move(text));
}

std::string prompt_text(const PromptOptions& o) {
  require_usage(o.prompt.empty() + o.file.empty() + o.tokens.empty() >= 2,
                "give one of -p, -f and --tokens, not several");
  if (!o.prompt.empty()) return o.prompt;
  if (!o.tokens.empty()) return "";
  if (!o.file.empty()) return written_text(file_text(o.file, "prompt file"), o.file);
  require_usage(!isatty(STDIN_FILENO),
                "no prompt: give -p TEXT, -f FILE, --tokens IDS, or text on standard input");
  std::ostringstream text;
  text << std::cin.rdbuf();
  return written_text(text.str(), "standard input");
}

}  // namespace rouse
