/// eval/task.h - a benchmark: how its records become prompts, and how answers to them are scored.
///
/// Every benchmark is one file in tasks/ and one line in registry.cpp. A task never runs a model: it makes
/// items and scores what came of them, so all tasks run under all methods.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace rouse {

using EvalJson = nlohmann::ordered_json;

enum class TaskKind {
  choices,  ///< log-likelihoods of given continuations
  text,     ///< generated text
  tokens,   ///< log-likelihood of running text: perplexity
};

/// One question.
struct Item {
  std::string id, group;             ///< group: a subject, a band; may be empty
  EvalJson doc;                      ///< the record
  std::string prompt;                ///< choices, text
  std::vector<std::string> choices;  ///< choices: continuations
  std::vector<int> prefix, tokens;   ///< tokens: the window's first tokens and those that are scored
  std::string target;                ///< what is right, for people to read
};

/// What a method made of an item.
struct Response {
  std::string text;
  std::vector<std::vector<double>> log_probs;  ///< [choice][token], nats
};

/// Metrics of one item, such as {"acc", 1}. A perplexity is given as {"nll", sum} and {"tokens", n}.
using Scores = std::vector<std::pair<std::string, double>>;

/// What a task needs to make items.
struct TaskInput {
  std::string folder;  ///< where its files are
  int n_shot = -1;     ///< -1: the task's own number
  EvalJson shots;      ///< the few-shot file, when the task has one
  const Tokenizer* tokenizer = nullptr;
  int n_window = 512;  ///< tokens: of a window
};

struct TaskEntry {
  const char* name;
  const char* help;
  const char* source;  ///< where a user gets the data, and its licence
  const char* file;    ///< in the data folder
  const char* sha256;  ///< of that file, "" where it comes with rouse
  const char* metric;  ///< the one that is shown first
  TaskKind kind;
  Item (*item)(const EvalJson& record, const TaskInput& input);
  Scores (*score)(const Item& item, const Response& response);
  const char* shots = "";    ///< few-shot file
  int n_shot = 0;            ///< how many by default
  const char* stop[4] = {};  ///< text
  int n_predict = 512;       ///< text
  /// Instead of `score`: the Python program that decides, tests included; metric pass@1.
  std::string (*program)(const Item& item, const std::string& text) = nullptr;
  /// Instead of `item`, for files that hold no records.
  std::vector<Item> (*items)(const std::string& path, const TaskInput& input) = nullptr;
};

std::span<const TaskEntry* const> task_registry();
/// Throws Error (exit 2) naming the known ones.
const TaskEntry& task_entry(const std::string& name);

/// Fields of a record, with errors that name them.
std::string text_field(const EvalJson& record, const char* key);
std::vector<std::string> texts_field(const EvalJson& record, const char* key);
int64_t integer_field(const EvalJson& record, const char* key, int64_t low, int64_t high);

/// Items of a task, and the records that could not be read, each by file and line.
struct LoadedTask {
  std::vector<Item> items;
  std::vector<std::string> errors;
};
/// n_limit > 0: a sample of that size, drawn by seed (of running text the beginning); else all. Throws Error
/// (exit 2) when the file is not there.
LoadedTask load_task(const TaskEntry& task, TaskInput input, int n_limit, uint64_t seed);

/// The sum of a continuation's log-probs.
double total(const std::vector<double>& log_probs);
/// Index of the largest; ties to the first.
size_t best_of(std::span<const double> values);

}  // namespace rouse
