#include "eval/fewshot.h"

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/installation.h"
#include "base/text.h"
#include "eval/source.h"

namespace rouse {

FewshotFile find_fewshot(const TaskEntry& task, const std::string& folder) {
  const std::string given = folder + "/" + task.shots;
  if (std::filesystem::exists(given)) return {given};
  const std::string missing = cat(task.name, ": ", given, " is not there (its few-shot examples)");
  require_usage(std::string(task.protocol) == kOwnProtocol, missing, "; protocol ", task.protocol,
                " is that of the published ones: see `rouse data import`, or give --shots 0");
  const std::string here = cat("models/", task.shots), installed = cat("share/rouse/", task.shots);
  const std::string own = installed_file({here, installed});
  require_usage(!own.empty(), missing, ", nor are rouse's own; see `rouse data list`");
  return {own, true};
}

bool is_prompt_text(const std::string& path) {
  return path.ends_with(".md") || path.ends_with(".txt");
}

/// What follows the first of the two beginnings; "Question" and "Answer" or their first letters.
static bool drop(std::string_view& text, std::string_view whole, std::string_view letter) {
  for (const std::string_view begin : {whole, letter})
    if (text.starts_with(begin)) {
      text = trim(text.substr(begin.size()));
      return true;
    }
  return false;
}

/// Examples between blank lines, each a question's line and an answer's.
static EvalJson examples_of(const Source& source,
                            const std::function<void(std::string_view answer, EvalJson& example)>& read) {
  std::string text = source.text();
  std::erase(text, '\r');
  EvalJson out = EvalJson::array();
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find("\n\n", at), text.size());
    const std::string_view block = trim(std::string_view(text).substr(at, end - at));
    at = end + 2;
    if (block.empty()) continue;
    const size_t line = block.find('\n');
    std::string_view question = block.substr(0, line);
    std::string_view answer = line == std::string_view::npos ? "" : block.substr(line + 1);
    const std::string place = cat(source.path(), ": example ", out.size() + 1);
    require_usage(drop(question, "Question:", "Q:") && drop(answer, "Answer:", "A:") && !answer.empty(),
                  place, ": expected a line \"Question: ...\" and a line \"Answer: ...\", or Q: and A:");
    EvalJson example{{"question", question}};
    try {
      read(answer, example);
    } catch (const Error& e) {
      throw Error(cat(place, ": ", e.what()), ErrorKind::usage);
    }
    out.push_back(std::move(example));
  }
  require_usage(!out.empty(), source.path(), ": holds no example");
  return out;
}

EvalJson worked_examples(const Source& source, const std::string& answer_sentence) {
  const size_t hole = answer_sentence.find("{answer}");
  const std::string begin = answer_sentence.substr(0, hole), end = answer_sentence.substr(hole + 8);
  const auto read = [&](std::string_view answer, EvalJson& example) {
    const size_t at = answer.rfind(begin);
    require(at != std::string_view::npos && answer.ends_with(end), "its answer does not end in \"",
            answer_sentence, "\"");
    example["rationale"] = trim(answer.substr(0, at));
    example["answer"] = answer.substr(at + begin.size(), answer.size() - at - begin.size() - end.size());
  };
  return {{"source", std::filesystem::path(source.path()).filename().string()},
          {"answer_sentence", answer_sentence},
          {"examples", examples_of(source, read)}};
}

EvalJson plain_examples(const Source& source) {
  const auto read = [](std::string_view answer, EvalJson& example) { example["answer"] = answer; };
  return {{"source", std::filesystem::path(source.path()).filename().string()},
          {"examples", examples_of(source, read)}};
}

}  // namespace rouse
