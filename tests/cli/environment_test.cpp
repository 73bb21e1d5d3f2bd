/// Flags from the environment, in this process: nothing runs.
#include "cli/environment.h"

#include <set>

#include "cli/app.h"
#include "cli/command.h"
#include "support.h"

namespace rouse {
namespace {

/// Variables that are set for a while.
struct Variables {
  Variables(std::initializer_list<std::pair<const char*, const char*>> set) : all(set) {
    for (const auto& [name, value] : all) setenv(name, value, 1);
  }
  ~Variables() {
    for (const auto& [name, value] : all) unsetenv(name);
  }
  std::vector<std::pair<const char*, const char*>> all;
};

using Values = std::vector<std::string>;

/// What an option holds after these words.
Values values(const Values& words, const std::string& option) {
  CommandLine line("test");
  line.parse(words);
  CLI::App* command = line.app().get_subcommand(words[0]);
  if (!command->get_subcommands().empty()) command = command->get_subcommands()[0];
  return command->get_option(option)->results();
}

void each_option(CLI::App& app, const std::function<void(CLI::App&, CLI::Option&)>& see) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    each_option(*command, see);
    for (CLI::Option* option : command->get_options()) see(*command, *option);
  }
}

}  // namespace

TEST(Environment, SetsWhatTheCommandLineLeavesOut) {
  const Variables set{{"ROUSE_KV_TYPE", "f32"}, {"ROUSE_RAW", "1"}, {"ROUSE_EVAL_KV_TYPE", "f16"}};
  EXPECT_EQ(values({"run"}, "--kv-type"), Values{"f32"});
  EXPECT_EQ(values({"run"}, "--raw"), Values{"1"});
  EXPECT_EQ(values({"run", "--kv-type", "f16"}, "--kv-type"), Values{"f16"}) << "the command line wins";
  EXPECT_EQ(values({"eval"}, "--kv-type"), Values{"f16"}) << "the command's own variable wins";
  EXPECT_TRUE(values({"run"}, "--kv-type") != values({"eval"}, "--kv-type"));
}

TEST(Environment, ARequiredFlagMayComeFromIt) {
  EXPECT_THROW(values({"plan", "uniform"}, "--output"), CLI::ParseError);
  const Variables set{{"ROUSE_PLAN_UNIFORM_OUTPUT", "p.json"}};
  EXPECT_EQ(values({"plan", "uniform"}, "--output"), Values{"p.json"});
}

TEST(Environment, OneNameWithTwoMeaningsNeedsTheCommandsName) {
  const Variables set{{"ROUSE_TOKENS", "1,2"},
                      {"ROUSE_CHAT_TEMPLATE", "chatml"},
                      {"ROUSE_CALIBRATE_TOKENS", "80"},
                      {"ROUSE_RUN_CHAT_TEMPLATE", "qa"}};
  EXPECT_EQ(values({"run"}, "--tokens"), Values{});
  EXPECT_EQ(values({"calibrate", "--text", "t", "-o", "p"}, "--tokens"), Values{"80"});
  EXPECT_EQ(values({"run"}, "--chat-template"), Values{"qa"});
  EXPECT_EQ(values({"eval"}, "--chat-template"), Values{}) << "a switch there";
}

/// A flag in one command and a value in another cannot share a variable: this finds those that nobody listed.
TEST(Environment, WhatTakesAValueHereAndNoneThereHasItsOwnVariables) {
  CommandLine line("test");
  std::map<std::string, std::set<bool>> takes_value;
  std::map<std::string, size_t> n_variable;
  each_option(line.app(), [&](CLI::App& command, CLI::Option& option) {
    const auto names = variables_of(command, option);
    if (names.empty()) return;
    takes_value[option.get_lnames()[0]].insert(option.get_items_expected_max() > 0);
    n_variable[option.get_lnames()[0]] = names.size();
  });
  EXPECT_GT(takes_value.size(), 80u);
  for (const auto& [name, kinds] : takes_value)
    if (kinds.size() > 1) {
      EXPECT_EQ(n_variable[name], 1u) << name;
    }
}

TEST(Environment, AListTakesAValueFromEveryLine) {
  const Variables set{{"ROUSE_STOP", "a, b\n;c"},
                      {"ROUSE_METHODS", "greedy\nscmoe beta=1"},
                      {"ROUSE_TASKS", "x,y"},
                      {"ROUSE_PROMPT", "two\nlines"},
                      {"ROUSE_PERCENTILES", "10\n90"}};
  EXPECT_EQ(values({"run"}, "--stop"), (Values{"a, b", ";c"}));
  EXPECT_EQ(values({"eval"}, "--methods"), (Values{"greedy", "scmoe beta=1"}));
  EXPECT_EQ(values({"eval"}, "--tasks"), (Values{"x", "y"}));
  EXPECT_EQ(values({"run"}, "--prompt"), Values{"two\nlines"}) << "one value is one value";
  EXPECT_EQ(values({"calibrate", "--text", "t", "-o", "p"}, "--percentiles"), (Values{"10", "90"}));
}

TEST(Environment, AMethodsOptionIsADefaultThatOthersIgnore) {
  const Variables set{{"ROUSE_BETA", "0.7"}, {"ROUSE_ITI_ALPHA", "3"}};
  MethodOptions o;
  CLI::App app, *command = app.add_subcommand("run");
  add_method_options(*command, o);
  std::vector<std::string> words{"run"};
  app.parse(words);
  fill_from_environment(*command);
  EXPECT_FLOAT_EQ(o.beta, 0.7f);
  check_given(o);  // greedy reads no beta
  o.name = "scmoe";
  EXPECT_NE(method_text(o).find("beta=0.7"), std::string::npos);
  set_method_option(o, "beta", "0.9");
  o.name = "greedy";
  expect_refusal([&] { check_given(o); }, ErrorKind::usage,
                 "beta has no effect on method greedy; it is for scmoe cd");
}

TEST(Environment, ABadValueIsRefusedByTheVariablesName) {
  const Variables set{{"ROUSE_THREADS", "many"}, {"ROUSE_ALPHA", "x"}};
  expect_refusal([] { values({"trace"}, "--threads"); }, ErrorKind::usage, "ROUSE_THREADS: ");
  expect_refusal(
      [] {
        values({"chat", "--threads", "1"}, "--alpha");
      },
      ErrorKind::usage, "ROUSE_ALPHA: alpha is \"x\", expected a number in (0, 1]");
}

}  // namespace rouse
