/// eval/task.h - a benchmark: how its records become prompts, and how answers to them are scored.
///
/// Every benchmark is one file in tasks/ and one line in registry.cpp. A task never runs a model: it makes
/// items and scores what came of them, so all tasks run under all methods.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/pair.h"

namespace rouse {

class JsonValue;
class Source;
class TaskFile;
using EvalJson = nlohmann::ordered_json;

enum class TaskKind {
  choices,  ///< log-likelihoods of given continuations
  text,     ///< generated text
  tokens,   ///< log-likelihood of running text: perplexity
};

/// One question.
struct Item {
  std::string id, group;                        ///< group: a subject, a band; may be empty
  EvalJson doc;                                 ///< the record
  std::string prompt;                           ///< choices, text
  std::vector<std::string> choices;             ///< choices: continuations
  EndSpace end_space = EndSpace::continuation;  ///< choices: what white space at the prompt's end counts to
  std::vector<int> prefix, tokens;  ///< tokens: the window's first tokens and those that are scored
  std::string target;               ///< what is right, for people to read
  EvalJson gold;                   ///< of a task file: the numbers of the right choices, or the right answers
  const TaskFile* from = nullptr;  ///< the task file
};

/// How a program that a model wrote ran.
struct Execution {
  std::string reason;  ///< why it failed: the first line of its error, or the limit it hit; "" when it passed
  double seconds = 0;
};

/// What a method made of an item.
struct Response {
  std::string text = "";                            ///< of samples: the first with the majority's answer
  std::vector<std::vector<double>> log_probs = {};  ///< [choice][token], nats
  std::vector<std::string> samples = {};            ///< all, when there are several
  std::optional<Execution> execution = {};          ///< of tasks with a program
};

/// Metrics of one item, such as {"acc", 1}. A perplexity is given as {"nll", sum} and {"tokens", n}.
using Scores = std::vector<std::pair<std::string, double>>;

/// What a task needs to make items.
struct TaskInput {
  std::string folder;  ///< where its files are
  int n_shot = -1;     ///< -1: the task's own number
  EvalJson shots;      ///< the few-shot file, when the task has one
  const Tokenizer* tokenizer = nullptr;
  int n_window = 512;           ///< tokens: of a window
  std::string shots_path = "";  ///< where the few-shot file came from
};

inline constexpr size_t kMostStops = 16;

/// The way of asking and scoring that a task has by default. Others are published ones.
inline constexpr const char* kOwnProtocol = "rouse";

struct TaskEntry {
  const char* name;
  const char* help;
  const char* source;  ///< where a user gets the data, and its licence
  const char* file;    ///< in the data folder
  const char* sha256;  ///< of the file that rouse is tested with, "" where there is none to compare with
  const char* metric;  ///< the one that is shown first
  TaskKind kind;
  Item (*item)(const JsonValue& record, const TaskInput& input);
  Scores (*score)(const Item& item, const Response& response);
  const char* protocol = kOwnProtocol;
  int version = 1;                    ///< of the protocol: raised when its scores change
  const char* shots = "";             ///< few-shot file
  int n_shot = 0;                     ///< how many by default
  const char* stop[kMostStops] = {};  ///< text: what ends it
  /// text: where it is whole although no stop came; npos: not yet.
  size_t (*end)(const std::string& text) = nullptr;
  int n_predict = 512;  ///< text
  /// text: the answer that samples vote on.
  std::optional<std::string> (*vote)(const std::string& text) = nullptr;
  /// Instead of `score`: the Python program that decides, tests included; metric pass@1.
  std::string (*program)(const Item& item, const std::string& text) = nullptr;
  /// Records in the documented form from the official distribution; null: the file is taken as it is. Throws
  /// Error.
  std::vector<EvalJson> (*import)(const Source& source) = nullptr;
  /// The few-shot file that the official distribution holds, or a prompt as text (eval/fewshot.h); null: it
  /// holds none. Throws Error.
  EvalJson (*import_shots)(const Source& source) = nullptr;
  /// Instead of `item`, for files that hold no records.
  std::vector<Item> (*items)(const std::string& path, const TaskInput& input) = nullptr;
  const TaskFile* from = nullptr;  ///< instead of both, where the task is a file of a user (eval/task_file.h)
};

std::span<const TaskEntry* const> task_registry();
/// Tasks once more, under published protocols: the same names, another `protocol`; `help` says what is
/// different.
std::span<const TaskEntry* const> protocol_registry();
/// Throws Error (exit 2) naming the known ones.
const TaskEntry& task_entry(const std::string& name, const std::string& protocol = kOwnProtocol);

/// The names, with "all" and patterns such as arc_* (fnmatch) as the tasks that they stand for. Throws Error
/// (exit 2) for a pattern that none fits.
std::vector<std::string> named_tasks(std::span<const std::string> names);

/// "gsm8k_test_0042": for sets whose records have no id of their own.
std::string numbered_id(const char* prefix, size_t number);
/// Fields of a record, with errors that name them; texts are one or more.
std::string text_field(const JsonValue& record, const char* key);
std::vector<std::string> texts_field(const JsonValue& record, const char* key);
int64_t integer_field(const JsonValue& record, const char* key, int64_t low, int64_t high);
/// The same of an item's record.
std::string text_field(const EvalJson& record, const char* key);
std::vector<std::string> texts_field(const EvalJson& record, const char* key);
/// An example of the few-shot file.
JsonValue shot(const TaskInput& input, int i);
/// Throws Error when `text` is blank: nothing can be asked for or be right there.
const std::string& not_blank(const std::string& text, const char* key);

/// What stands before a question and before its answer.
struct QuestionForm {
  const char *question = "Question: ", *answer = "Answer:";
};
/// "Question: ...\nAnswer: rationale, closing sentence\n\n" for every example of the few-shot file, then the
/// record's question: the chain-of-thought prompt of SCMoE's code.
Item chain_of_thought_item(const JsonValue& record, const TaskInput& input, const QuestionForm& form = {});

/// The first of the folders that holds the task's file; "" when none does.
std::string find_task(const TaskEntry& task, std::span<const std::string> folders);

/// Its file in a folder, plain or gzipped (FILE.gz); "" where it is not there.
std::string task_path(const TaskEntry& task, const std::string& folder);

/// Items of a task, and the records that could not be read, each by file and line.
struct LoadedTask {
  std::vector<Item> items;
  std::vector<std::string> errors;
  /// {"file", "sha256", "own": whether the examples are rouse's and not published ones}; null: zero shot.
  EvalJson fewshot;
};
/// limit > 0: a sample of that size, below 1 of that share rounded up, drawn by seed (of running text the
/// beginning); else all. Throws Error (exit 2) when the file is not there, or has one id twice, naming both
/// lines.
LoadedTask load_task(const TaskEntry& task, TaskInput input, double limit, uint64_t seed);

/// The development items, on which settings are chosen, or those that are left for the report: a share of a
/// task's items, drawn by seed. Throws Error (exit 2) when one part would be empty.
std::vector<Item> part_of(const TaskEntry& task, std::span<const Item> items, double dev_share, uint64_t seed,
                          bool development);

/// The sum of a continuation's log-probs.
double total(const std::vector<double>& log_probs);
/// Of every choice: the sum, and the mean a token.
std::vector<double> totals(const Response& response);
std::vector<double> means(const Response& response);
/// Index of the largest; ties to the first.
size_t best_of(std::span<const double> values);
/// Of the choices' probability, normalised over them, the share of those that are right (TruthfulQA's MC2).
/// sums: log-likelihoods, nats.
double share_of_right(std::span<const double> sums, const std::function<bool(size_t choice)>& is_right);

}  // namespace rouse
