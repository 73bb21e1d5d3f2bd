#include "eval/task_file.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "base/json.h"
#include "base/lines.h"
#include "base/text.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// Records of a JSON Lines file with the number of each one's line; an error of its own where one is broken.
struct Records {
  std::vector<EvalJson> docs;
  std::vector<int64_t> lines;
  std::vector<std::string> errors;
};

Records read_records(const std::string& path) {
  Records out;
  for (LineReader in(path, "data of a task file"); in.next();) {
    if (in.blank()) continue;
    try {
      EvalJson record = parse_json(in.line(), "");
      require(record.is_object(), "is ", json_text(record), ", expected an object");
      out.docs.push_back(std::move(record));
      out.lines.push_back(in.number());
    } catch (const Error& e) {
      out.errors.push_back(cat(in.where(), ": ", e.what()));
    }
  }
  return out;
}

std::vector<const EvalJson*> pointers(std::span<const EvalJson> docs) {
  std::vector<const EvalJson*> out;
  for (const EvalJson& doc : docs) out.push_back(&doc);
  return out;
}

std::string id_of(const EvalJson& doc, const std::string& task, size_t index) {
  const auto id = doc.find("id");
  if (id == doc.end() || id->is_null()) return numbered_id(task.c_str(), index);
  if (id->is_number_integer()) return id->dump();
  return JsonValue(*id, "field id").text();
}

}  // namespace

/// What a form makes of a record.
struct TaskFile::Asked {
  std::string text, error;
  std::vector<std::string> choices;
  EvalJson target;
};

std::vector<TaskFile::Asked> TaskFile::asked(const TaskForm& form,
                                             std::span<const EvalJson* const> records) const {
  std::vector<Asked> out(records.size());
  const auto take = [&](const std::vector<Made>& made, const auto& use) {
    for (size_t i = 0; i < out.size(); ++i) try {
        require(made[i].error.empty(), made[i].error);
        if (out[i].error.empty()) use(out[i], made[i].value);
      } catch (const Error& e) {
        if (out[i].error.empty()) out[i].error = e.what();
      }
  };
  take(form.text[0].texts(records), [](Asked& a, const EvalJson& v) { a.text = v.get<std::string>(); });
  const std::string place = path_ + ": doc_to_choice";
  for (const TaskTemplate& choice : form.choices) {
    if (form.listed)
      take(choice.texts(records),
           [&](Asked& a, const EvalJson& v) { a.choices.push_back(v.get<std::string>()); });
    else
      take(choice.values(records), [&](Asked& a, const EvalJson& v) {
        const EvalJson choices{{"doc_to_choice", v}};
        a.choices = JsonValue(choices, path_).at("doc_to_choice").texts(1, kMostTaskChoices);
      });
  }
  take(form.target[0].values(records), [](Asked& a, const EvalJson& v) { a.target = v; });
  for (Asked& a : out)
    for (const std::string& choice : a.choices)
      if (a.error.empty() && trim(choice).empty()) a.error = cat(place, ": a choice is blank");
  return out;
}

/// Numbers of the right choices, or right answers: never none.
EvalJson TaskFile::gold_of(const Asked& a) const {
  const std::string place = path_ + ": doc_to_target";
  const EvalJson all = a.target.is_array() ? a.target : EvalJson::array({a.target});
  EvalJson out = EvalJson::array();
  require(!all.empty(), place, " is an empty list: no answer is right");
  for (const EvalJson& one : all) {
    if (!text_) {
      const auto n = static_cast<int64_t>(a.choices.size());
      if (one.is_string()) {
        const std::string text = one.get<std::string>();
        const auto at = std::find(a.choices.begin(), a.choices.end(), text);
        const auto number = at == a.choices.end() ? parse_int(text) : at - a.choices.begin();
        require(number && *number >= 0 && *number < n, place, " is ", json_text(one),
                ", expected a choice, or its number below ", n);
        out.push_back(*number);
      } else {
        const EvalJson target{{"doc_to_target", one}};
        out.push_back(JsonValue(target, path_).at("doc_to_target").integer(0, n - 1));
      }
      continue;
    }
    const bool text = one.is_string() || one.is_number();
    require(text, place, " is ", json_text(one), ", expected text");
    const std::string gold = one.is_string() ? one.get<std::string>() : one.dump();
    const auto answer = pass_ ? std::optional(gold) : extractor_->extract(gold);
    require(answer && !trim(*answer).empty(), place, " is ", json_text(one), ", in which extractor \"",
            extractor_->name, "\" finds no answer");
    out.push_back(*answer);
  }
  return out;
}

/// Of every example of the pool its text, as many as any item may need: one more, where the pool holds the
/// items themselves.
std::vector<std::string> TaskFile::shots(int n_shot) const {
  if (n_shot == 0) return {};
  std::vector<EvalJson> docs;
  std::vector<std::string> places;
  if (!samples_.is_null()) {
    docs.assign(samples_.begin(), samples_.end());
    for (size_t i = 0; i < docs.size(); ++i)
      places.push_back(cat(path_, ": fewshot_config.samples[", i, "]"));
  } else {
    require_usage(fs::exists(shots_data_), shots_data_, ": is not there (the few-shot examples of ", path_,
                  ")");
    Records records = read_records(shots_data_);
    require_usage(records.errors.empty(), records.errors.empty() ? "" : records.errors[0]);
    docs = std::move(records.docs);
    for (const int64_t line : records.lines) places.push_back(cat(shots_data_, ":", line));
  }
  const size_t n = static_cast<size_t>(n_shot) + (shots_data_ == data_);
  require_usage(docs.size() >= n, name_, ": ", n_shot, " few-shot examples are wanted, ", shots_data_,
                " has ", docs.size(), shots_data_ == data_ ? " and an item is none of its own" : "");
  docs.resize(n);
  std::vector<std::string> out;
  size_t i = 0;
  for (const Asked& a : asked(shot_form_, pointers(docs))) {
    const std::string& place = places[i++];
    require_usage(a.error.empty(), place, ": ", a.error);
    std::string answer;
    if (text_) {
      const EvalJson& one = a.target.is_array() && !a.target.empty() ? a.target[0] : a.target;
      require_usage(one.is_string() || one.is_number(), place, ": doc_to_target is ", json_text(one),
                    ", expected text");
      answer = one.is_string() ? one.get<std::string>() : one.dump();
    } else {
      try {
        answer = a.choices[gold_of(a)[0].get<size_t>()];
      } catch (const Error& e) {
        throw Error(cat(place, ": ", e.what()), ErrorKind::usage);
      }
    }
    out.push_back(a.text + shot_form_.target_delimiter + answer + fewshot_delimiter_);
  }
  return out;
}

LoadedTask TaskFile::load(int n_shot) const {
  require_usage(fs::exists(data_), data_, ": is not there (the items of ", path_, ")");
  const std::vector<std::string> examples = shots(n_shot);
  const Records records = read_records(data_);
  LoadedTask out;
  out.errors = records.errors;
  const std::vector<const EvalJson*> docs = pointers(records.docs);
  const std::vector<Asked> all = asked(form_, docs);
  const auto optional = [&](const std::vector<TaskTemplate>& one) {
    return one.empty() ? std::vector<Made>(docs.size(), {"", ""}) : one[0].texts(docs);
  };
  const std::vector<Made> begin = optional(description_), group = optional(group_);
  std::unordered_map<std::string, int64_t> seen;
  for (size_t i = 0; i < docs.size(); ++i) {
    Item item;
    try {
      for (const std::string* error : {&all[i].error, &begin[i].error, &group[i].error})
        require(error->empty(), *error);
      item.id = id_of(*docs[i], name_, i);
      item.group = group[i].value.get<std::string>();
      item.doc = *docs[i];
      item.prompt = begin[i].value.get<std::string>();
      size_t left = static_cast<size_t>(n_shot);
      for (size_t s = 0; s < examples.size() && left > 0; ++s) {
        if (shots_data_ == data_ && s == i) continue;
        item.prompt += examples[s];
        --left;
      }
      item.prompt += all[i].text;
      for (const std::string& choice : all[i].choices)
        item.choices.push_back(form_.target_delimiter + choice);
      item.gold = gold_of(all[i]);
      item.target = text_ ? item.gold[0].get<std::string>() : item.choices[item.gold[0].get<size_t>()];
      item.from = this;
    } catch (const Error& e) {
      out.errors.push_back(cat(data_, ":", records.lines[i], ": ", e.what()));
      continue;
    }
    const auto [first, fresh] = seen.emplace(item.id, records.lines[i]);
    require_usage(fresh, data_, ":", records.lines[i], ": id ", item.id, " occurs twice, first in line ",
                  first->second);
    out.items.push_back(std::move(item));
  }
  return out;
}

Scores TaskFile::score(const Item& item, const Response& response) const {
  Scores out;
  if (!text_) {
    std::vector<std::string> choices;
    for (const std::string& c : item.choices) choices.push_back(c.substr(form_.target_delimiter.size()));
    const auto gold = item.gold.get<std::vector<size_t>>();
    for (const ChoiceMetric* metric : choice_metrics_)
      out.emplace_back(metric->name, metric->score(choices, response, gold));
    return out;
  }
  const auto answer = extractor_->extract(response.text);
  for (const auto& [metric, options] : text_metrics_) {
    double best = 0;
    if (answer)
      for (const EvalJson& gold : item.gold)
        best = std::max(best, metric->score(*answer, gold.get<std::string>(), options));
    out.emplace_back(metric->name, best);
  }
  return out;
}

std::string TaskFile::program(const Item& item, const std::string& text) const {
  return extractor_->extract(text).value_or("") + "\n" + item.gold[0].get<std::string>() + "\n";
}

std::vector<std::unique_ptr<TaskFile>> read_task_files(std::span<const std::string> paths) {
  std::vector<std::unique_ptr<TaskFile>> out;
  for (const std::string& path : paths) {
    out.push_back(std::make_unique<TaskFile>(path));
    for (size_t i = 0; i + 1 < out.size(); ++i)
      require_usage(std::string(out[i]->entry().name) != out.back()->entry().name, path, ": task is \"",
                    out.back()->entry().name, "\", as in ", out[i]->entry().source, "; take another name");
  }
  return out;
}

}  // namespace rouse
