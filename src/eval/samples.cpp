#include "eval/samples.h"

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"

namespace rouse {

static constexpr auto kReplace = EvalJson::error_handler_t::replace;

EvalJson sample_row(size_t doc_id, const Item& item, const Response& response, const Scores& scores,
                    const ItemCost& cost) {
  EvalJson row{
      {"doc_id", doc_id}, {"id", item.id}, {"group", item.group}, {"doc", item.doc}, {"target", item.target}};
  row["item_hash"] = item_hash(item);
  row["arguments"] = EvalJson::array();
  row["resps"] = EvalJson::array();
  if (item.choices.empty()) {
    row["arguments"].push_back({item.prompt});
    if (!response.samples.empty())
      row["resps"].push_back(response.samples);
    else
      row["resps"].push_back(
          {item.tokens.empty() ? EvalJson(response.text) : EvalJson(total(response.log_probs[0]))});
  }
  for (size_t i = 0; i < item.choices.size(); ++i) {
    row["arguments"].push_back({item.prompt, item.choices[i]});
    row["resps"].push_back({total(response.log_probs[i])});
  }
  row["filtered_resps"] = response.samples.empty() ? row["resps"] : EvalJson{{response.text}};
  for (const auto& [name, value] : scores) row[name] = value;
  if (const auto& e = response.execution) row["reason"] = e->reason, row["seconds"] = e->seconds;
  row["cost"] = item_cost_json(cost);
  return row;
}

std::string item_hash(const Item& item) {
  std::string text = cat(item.doc.dump(-1, ' ', false, kReplace), '\n', item.group, '\n', item.target, '\n',
                         item.prompt.size(), ' ', item.prompt);
  for (const std::string& choice : item.choices) text += cat('\n', choice.size(), ' ', choice);
  for (const std::vector<int>* tokens : {&item.prefix, &item.tokens})
    for (const int token : *tokens) text += cat(',', token);
  if (!item.gold.is_null()) text += '\n' + item.gold.dump(-1, ' ', false, kReplace);
  return hex64(hash_text(text));
}

static constexpr std::string_view kTexts[] = {"id", "group", "target", "item_hash", "error"};
static constexpr std::string_view kAnything[] = {"doc", "arguments", "resps", "filtered_resps"};

/// A line's row. What is a number is a metric; words about a row may be anything else.
static EvalJson parse_row(std::string_view line, const std::string& where) {
  EvalJson json = parse_json(line, where);
  const JsonValue row(json, where);
  row.at("doc_id").integer(0, int64_t{1} << 40);
  row.at("id").text();
  const auto among = [](const auto& names, const std::string& key) {
    return std::find(std::begin(names), std::end(names), key) != std::end(names);
  };
  for (const auto& [key, value] : row.fields()) {
    if (among(kTexts, key)) {
      value.text(LineReader::kMostBytes);
    } else if (!among(kAnything, key) && (value.json().is_number() || value.is_null())) {
      value.real(-1e30, 1e30);  // null is what a score that was not finite became
    }
  }
  if (const auto tokens = row.find("tokens"); tokens && row.find("nll")) {
    row.at("nll").real(-1e30, 1e30);
    tokens->real(0, 1e30);
  }
  if (const auto cost = row.find("cost"))
    (void)parse_item_cost(*cost);
  else
    json.erase("cost");  // null: none was kept
  return json;
}

static size_t doc_id_of(const EvalJson& row) {
  return row["doc_id"].get<size_t>();
}
static const std::string& id_of(const EvalJson& row) {
  return row["id"].get_ref<const std::string&>();
}

/// The rows of a log by doc_id, the last one of an item that was run again; `trim` sees each first.
static std::vector<EvalJson> read_rows(LineLog& log, const std::function<void(EvalJson&)>& trim) {
  std::vector<EvalJson> out;
  std::unordered_map<std::string, size_t> last;
  log.read([&](std::string_view line, const std::string& where) {
    out.push_back(parse_row(line, where));
    trim(out.back());
    last[id_of(out.back())] = out.size() - 1;
  });
  size_t i = 0;
  std::erase_if(out, [&](const EvalJson& row) { return last[id_of(row)] != i++; });
  std::stable_sort(out.begin(), out.end(),
                   [](const EvalJson& a, const EvalJson& b) { return doc_id_of(a) < doc_id_of(b); });
  for (size_t r = 1; r < out.size(); ++r)
    require_usage(doc_id_of(out[r - 1]) != doc_id_of(out[r]), log.path(), ": items ", id_of(out[r - 1]),
                  " and ", id_of(out[r]), " have one doc_id, ", doc_id_of(out[r]));
  return out;
}

std::vector<EvalJson> read_samples(const std::string& path) {
  LineLog log(path);
  return read_rows(log, [](EvalJson& row) {
    for (const std::string_view key : kAnything) row.erase(std::string(key));
  });
}

SampleLog::SampleLog(const std::string& path) : log_(path), rows_(read_rows(log_, [](EvalJson&) {})) {
  for (const EvalJson& row : rows_) doc_id_[id_of(row)] = doc_id_of(row);
}

/// Where a row of this doc_id is or belongs.
size_t SampleLog::place(size_t doc_id) const {
  const auto at = std::partition_point(rows_.begin(), rows_.end(),
                                       [&](const EvalJson& row) { return doc_id_of(row) < doc_id; });
  return static_cast<size_t>(at - rows_.begin());
}

const EvalJson* SampleLog::find(const std::string& id) const {
  const auto found = doc_id_.find(id);
  return found == doc_id_.end() ? nullptr : &rows_[place(found->second)];
}

bool SampleLog::has(const std::string& id) const {
  const EvalJson* row = find(id);
  return row && !row->contains("error");
}

void SampleLog::check(const std::vector<Item>& items) const {
  for (const Item& item : items) {
    const EvalJson* row = find(item.id);
    if (!row || row->contains("error")) continue;
    const bool same = row->contains("item_hash") ? (*row)["item_hash"] == item_hash(item)
                                                 : !row->contains("doc") || (*row)["doc"] == item.doc;
    require_usage(same, log_.path(), ": item ", item.id,
                  " is not what it was when it was answered (its record, its prompt or what is right); use "
                  "another -o, or delete its row");
  }
}

void SampleLog::add(const EvalJson& row) {
  log_.add(row.dump(-1, ' ', false, kReplace));
  // Rows come nearly in the order of doc_id, so an insertion moves little.
  const auto at = [&](size_t doc_id) { return rows_.begin() + static_cast<std::ptrdiff_t>(place(doc_id)); };
  const std::string id = row["id"];
  if (const auto before = doc_id_.find(id); before != doc_id_.end()) rows_.erase(at(before->second));
  rows_.insert(at(doc_id_of(row)), row);
  doc_id_[id] = doc_id_of(row);
}

void SampleLog::finish() {
  std::string text;
  for (const EvalJson& row : rows_) text += row.dump(-1, ' ', false, kReplace) + "\n";
  write_whole(log_.path(), text);
}

}  // namespace rouse
