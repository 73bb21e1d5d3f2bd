#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/help_format.h"
#include "tokenizer/grammar.h"

namespace rouse {

/// What the file holds that a flag names.
static Json file_value(const Option& option, const std::string& text) {
  const std::string content = file_text(text, option.spec.name);
  if (option.spec.type == OptionType::text) return plain_text(content);
  return parse_json(content, text);
}

/// A flag's help: what the option is, and where that is a question what it may be.
static std::string help_of(const Option& option) {
  const OptionSpec& s = option.spec;
  std::string out;
  if (!option.methods.empty()) out += option.methods + ": ";
  out += s.help;
  if (s.type == OptionType::real && std::abs(s.high) < std::numeric_limits<float>::max())
    out += cat("; ", s.expected());
  if (s.type == OptionType::word) out += cat("; ", s.expected());
  return out;
}

/// What stands for the value in --help.
static std::string type_name_of(const OptionSpec& s) {
  if (s.type == OptionType::integer || s.type == OptionType::natural) return "N";
  if (s.type == OptionType::real) return "X";
  if (s.type == OptionType::tokens) return "ID,...";
  if (s.type == OptionType::json) return "JSON";
  return s.type == OptionType::word ? "WORD" : "TEXT";
}

static void add_switch(CLI::App& app, const Option& option, const OptionTargets& targets) {
  app.add_flag_function(
      option.flag,
      [&option, targets](int64_t n) {
        if (*option.no_effect)
          std::fprintf(stderr, "rouse: %s has no effect: %s\n", option.long_flag().c_str(), option.no_effect);
        set_option(option, targets, n > 0);
      },
      help_of(option));
}

/// A method's option from the environment is a default, so that the method need not read it.
static void set_flag(const Option& option, const OptionTargets& targets, const Json& value) {
  const std::set<std::string> given = targets.method ? targets.method->given : std::set<std::string>{};
  if (option.spec.name == std::string_view("json_schema")) {
    check_option(option.spec, value);
    require_option(targets.generate->grammar.empty(), option.spec.name, " is given beside grammar, expected ",
                   "one of them");
    targets.generate->grammar = json_schema_grammar(value.dump());
    return;
  }
  constexpr std::string_view kFile = "file:";
  if (option.spec.name == std::string_view("chat_template") && targets.prompt) {
    const std::string& name = value.get_ref<const std::string&>();
    targets.prompt->chat.source =
        name.starts_with(kFile) ? file_text(name.substr(kFile.size()), "chat template") : "";
  }
  if (!option.file_flag.empty())
    require_option(targets.generate->grammar.empty(), option.spec.name,
                   " is given beside json_schema, expected one of them");
  set_option(option, targets, value);
  if (targets.method && from_environment()) targets.method->given = given;
}

static std::string shown_default(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? number_text(value.get<double>()) : value.dump();
}

void add_option(CLI::App& app, const Option& option, const OptionTargets& targets) {
  if (option.spec.type == OptionType::boolean) return add_switch(app, option, targets);
  if (option.spec.type == OptionType::texts) {
    app.add_option_function<std::vector<std::string>>(
           option.flag,
           [&option, targets](const std::vector<std::string>& texts) { set_flag(option, targets, texts); },
           help_of(option))
        ->type_name("TEXT")
        ->allow_extra_args(false);
    return;
  }
  const auto set = [&option, targets](const std::string& text) {
    set_flag(option, targets, option_literal(option.spec, text));
  };
  if (!option.file_flag.empty())
    app.add_option_function<std::string>(
           option.file_flag,
           [&option, targets](const std::string& path) {
             set_flag(option, targets, file_value(option, path));
           },
           cat("file with the ", option.spec.help))
        ->type_name("FILE");
  auto* flag = app.add_option_function<std::string>(option.flag, set, help_of(option));
  flag->type_name(type_name_of(option.spec));
  const Json usual = option_value(option.place(targets));
  if (option.default_value().is_null() || usual.is_null() || usual == Json("") || usual.is_array()) return;
  flag->default_str(shown_default(usual));
}

void add_options(CLI::App& app, OptionGroup group, const OptionTargets& targets) {
  static const char* const kTitles[] = {"Model", "Prompt", "Generation", "Method and routing", "Result"};
  for (const Option& option : options()) {
    if (option.group != group || option.flag.empty()) continue;
    add_option(app, option, targets);
    const char* title = kTitles[static_cast<size_t>(group)];
    app.get_option(option.long_flag())->group(title);
    if (!option.file_flag.empty()) app.get_option(option.file_flag)->group(title);
  }
}

void add_placement_options(CLI::App& app, ModelOptions& o) {
  for (const char* name : {"n_gpu_layers", "n_cpu_moe", "override_tensor"})
    add_option(app, *find_option(name), {.model = &o});
}

void add_json_option(CLI::App& command, bool& json, const std::string& help) {
  command.add_flag("--json", json, help);
}

void refuse_json(CLI::App& command, const std::string& why) {
  command
      .add_flag_function("--json",
                         [&command, why](int64_t) {
                           if (from_environment()) return;
                           throw Error(cat(full_name(command), " has no --json: ", why), ErrorKind::usage);
                         })
      ->group("");
}

void add_force_option(CLI::App& app, bool& force) {
  app.add_flag("--force", force, "replace what is there already");
}

void add_model_options(CLI::App& app, ModelOptions& o) {
  o.progress = [bar = std::make_shared<ProgressBar>("loading")](double done) { bar->update(done); };
  add_options(app, OptionGroup::model, {.model = &o});
}

void add_prompt_options(CLI::App& app, PromptOptions& o) {
  add_options(app, OptionGroup::prompt, {.prompt = &o});
  app.add_option("-f,--file", o.file,
                 "read the prompt from a file, - for standard input (as standard input: a byte order mark is "
                 "dropped, \\r\\n is \\n)")
      ->group(app.get_option("--prompt")->get_group());
}

void add_method_options(CLI::App& app, MethodOptions& o) {
  add_options(app, OptionGroup::method, {.method = &o});
  app.footer("Routing policies:\n" + policy_help() + "Methods:\n" + method_help());
}

std::string method_help() {
  std::string out;
  for (const MethodEntry& entry : method_registry())
    out += cat("  ", padded(entry.name, 12), " ", entry.help, "\n");
  return out;
}

std::string method_option_help() {
  std::string out;
  for (const Option& option : options()) {
    if (!option.variant) continue;
    const Json usual = option.default_value();
    const OptionSpec& s = option.spec;
    out +=
        cat("  ", padded(s.name, 18), " ", padded(option.methods.empty() ? "all" : option.methods, 12), " ",
            s.help, "; ", s.expected(), usual.is_null() ? "" : cat(", default ", shown_default(usual)), "\n");
  }
  return out;
}

void add_generate_options(CLI::App& app, GenerateOptions& o) {
  add_options(app, OptionGroup::generate, {.generate = &o});
}

/// A prompt that somebody wrote in an editor.
static std::string written_text(std::string text, const std::string& where) {
  require_usage(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), where,
                ": is UTF-16, expected UTF-8");
  return plain_text(std::move(text));
}

std::string prompt_text(const PromptOptions& o) {
  require_usage(o.prompt.empty() + o.file.empty() + o.tokens.empty() >= 2,
                "give one of --prompt, --file and --tokens, not several");
  if (!o.prompt.empty()) return o.prompt;
  if (!o.tokens.empty()) return "";
  if (!o.file.empty() && o.file != "-") return written_text(file_text(o.file, "prompt file"), o.file);
  require_usage(o.file == "-" || !isatty(STDIN_FILENO),
                "no prompt: give -p TEXT, -f FILE, --tokens IDS, or text on standard input");
  return written_text(stream_text(std::cin, "standard input"), "standard input");
}

}  // namespace rouse
