/// rouse: wakes the experts that a sparse Mixture-of-Experts model leaves asleep.
#include <signal.h>

#include <iostream>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {

std::atomic<bool> interrupted = false;

/// The first Ctrl-C asks to stop after the step in progress; the second ends the program.
static void on_interrupt(int) {
  if (interrupted.exchange(true)) _exit(static_cast<int>(Exit::interrupted));
}

/// llama.cpp's short names with several letters, which a flag parser would take for several flags.
static std::vector<std::string> expand_short_names(int argc, char** argv) {
  static const std::map<std::string, std::string> names = {{"-ngl", "--n-gpu-layers"},
                                                           {"-ncmoe", "--n-cpu-moe"},
                                                           {"-ot", "--override-tensor"},
                                                           {"-fa", "--flash-attn"}};
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const auto found = names.find(argv[i]);
    out.push_back(found == names.end() ? argv[i] : found->second);
  }
  return out;
}

/// Every flag can come from the environment: --kv-type from ROUSE_KV_TYPE. The command line wins.
static void add_environment(CLI::App& app) {
  for (CLI::App* sub : app.get_subcommands({})) {
    add_environment(*sub);
    sub->get_formatter()->column_width(34);
    for (CLI::Option* option : sub->get_options()) {
      if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
      std::string name = "ROUSE_" + option->get_lnames()[0];
      for (char& c : name)
        c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      option->envname(name);
    }
  }
}

static int run(int argc, char** argv) {
  CLI::App app{"rouse: programmable routing for Mixture-of-Experts language models"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "rouse " ROUSE_VERSION);
  app.footer(
      "Every flag can be set by the environment: --kv-type by ROUSE_KV_TYPE.\n"
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 bad model or plan, 4 partial, 5 no sandbox, 130 interrupted.");
  add_run(app);
  add_chat(app);
  add_compare(app);
  add_inspect(app);
  add_trace(app);
  add_calibrate(app);
  add_plan(app);
  add_whatif(app);
  add_iti(app);
  add_methods(app);
  add_eval(app);
  add_data(app);
  add_repro(app);
  add_report(app);
  add_synth(app);
  add_bench(app);
  add_environment(app);
  std::vector<std::string> arguments = expand_short_names(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  return 0;
}

}  // namespace rouse

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = rouse::on_interrupt;  // without SA_RESTART: a chat that waits for a line ends too
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  try {
    return rouse::run(argc, argv);
  } catch (const rouse::Error& e) {
    std::fprintf(stderr, "rouse: %s\n", rouse::printable(e.what(), true).c_str());
    return static_cast<int>(e.exit_code());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rouse: %s\n", rouse::printable(e.what(), true).c_str());
    return static_cast<int>(rouse::Exit::failed);
  }
}
