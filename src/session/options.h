/// session/options.h - every option of a model, a prompt, a method and a generation, once: name, type, range,
/// help, and where it is kept. Flags, environment variables, lines of `run --batch`, requests, variants,
/// `rouse methods`, the manual and the completions are made from this table, so all take the same values and
/// refuse others with the same words.
#pragma once

#include <functional>

#include "base/option.h"
#include "decoding/generation.h"
#include "session/prompt.h"
#include "session/session.h"

namespace rouse {

enum class OptionGroup {
  model,     ///< when a model is opened: the command line's, and a server's start
  prompt,    ///< of one text, as are the others
  generate,  ///< how tokens are chosen, and when to stop
  method,
  detail  ///< what the result says of each token
};

/// What the options of a door set; those of groups it does not have are null.
struct OptionTargets {
  ModelOptions* model = nullptr;
  PromptOptions* prompt = nullptr;
  GenerateOptions* generate = nullptr;
  MethodOptions* method = nullptr;
  int* n_sample = nullptr;
};

struct Option {
  OptionSpec spec;
  OptionGroup group;
  std::string flag = "";        ///< as CLI11 takes it ("-c,--ctx-size"); empty: not on the command line
  std::string short_flag = "";  ///< llama.cpp's of several letters ("-ngl"); or empty
  std::string methods = "";     ///< those that read it, space-separated; empty: all
  std::string file_flag = "";   ///< another flag: names a file that holds the value
  bool request = false;         ///< a request may set it, and a line of a batch
  bool variant = false;         ///< "scmoe beta=0.8" may
  const char* no_effect = "";   ///< a switch that other programs have: why it changes nothing here
  void (*check)(const Json& value) = nullptr;  ///< beyond what its type says; throws Error
  std::function<OptionPlace(const OptionTargets&)> place = {};

  /// "--ctx-size"; empty: not on the command line.
  std::string long_flag() const;
  /// Null: none, or it depends on the model.
  Json default_value() const;
};
/// In the order of `--help`.
std::span<const Option> options();
/// The option of that name (dashes or underscores), or null.
const Option* find_option(const std::string& name);
/// Checks and stores; an option of a method is noted as given. Throws Error (usage, of the option).
void set_option(const Option& option, const OptionTargets& targets, const Json& value);

/// {"model": SCHEMA, "request": SCHEMA}: two JSON schemas of objects, what opening a model takes and what a
/// request takes. Beside the standard keys a property has "flag", "group" and, where not all methods read it,
/// "methods".
Json options_json();

}  // namespace rouse
