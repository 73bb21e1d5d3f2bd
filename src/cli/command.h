/// cli/command.h - what subcommands share: options, opening a model, prompts, interruption, progress.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "cli/exit.h"
#include "cli/progress.h"
#include "session/options.h"
#include "session/prompt.h"
#include "session/result.h"
#include "session/session.h"
#include "session/variant.h"

namespace rouse {

/// What a command does once the words and the environment are read; it returns the exit code. `stop` becomes
/// true when the user wants it to end; long work looks at it between steps.
void on_run(CLI::App& command, std::function<int(const std::atomic<bool>& stop)> run);
void on_run(CLI::App& command, std::function<int()> run);
/// For a command that has one result: with --json that, as print_json has it, else what `print` says of it.
void on_result(CLI::App& command, std::function<Json(const std::atomic<bool>& stop)> make,
               std::function<void(const Json&)> print);
/// --json is the same in every command: one JSON document on standard output, in the place of what people
/// read; a command whose output is a stream prints a document a line.
void add_json_option(CLI::App& command, bool& json, const std::string& help = "print JSON");
/// For a command that has no result: --json says why.
void refuse_json(CLI::App& command, const std::string& why);

/// A flag for an option of the table; a group's flags. The targets must outlive the command.
void add_option(CLI::App& app, const Option& option, const OptionTargets& targets);
void add_options(CLI::App& app, OptionGroup group, const OptionTargets& targets);
/// -ngl, -ncmoe, -ot.
void add_placement_options(CLI::App& app, ModelOptions& o);
void add_model_options(CLI::App& app, ModelOptions& o);
void add_prompt_options(CLI::App& app, PromptOptions& o);

/// --force, for commands that leave a file.
void add_force_option(CLI::App& app, bool& force);
void add_method_options(CLI::App& app, MethodOptions& o);
void add_generate_options(CLI::App& app, GenerateOptions& o);

/// The text of -p, of -f, or of standard input when it is no terminal; the last two as plain_text.
std::string prompt_text(const PromptOptions& o);

/// One line a method.
std::string method_help();
/// One line an option of a method: which methods read it, what it may be, its default.
std::string method_option_help();

void add_demo(CLI::App& app);
void add_run(CLI::App& app);
void add_chat(CLI::App& app);
void add_compare(CLI::App& app);
void add_inspect(CLI::App& app);
void add_pull(CLI::App& app);
void add_list(CLI::App& app);
void add_rm(CLI::App& app);
void add_trace(CLI::App& app);
void add_synth(CLI::App& app);
void add_bench(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_headroom(CLI::App& app);
void add_advise(CLI::App& app);
void add_plan(CLI::App& app);
void add_whatif(CLI::App& app);
void add_iti(CLI::App& app);
void add_steer(CLI::App& app);
void add_methods(CLI::App& app);
void add_eval(CLI::App& app);
void add_data(CLI::App& app);
void add_serve(CLI::App& app);
void add_report(CLI::App& app);
void add_repro(CLI::App& app);
void add_help(CLI::App& app, const std::string& version);

}  // namespace rouse
