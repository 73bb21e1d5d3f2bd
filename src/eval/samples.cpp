#include "eval/samples.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"

namespace rouse {

static constexpr auto kReplace = EvalJson::error_handler_t::replace;

EvalJson sample_row(size_t doc_id, const Item& item, const Response& response, const Scores& scores) {
  EvalJson row{
      {"doc_id", doc_id}, {"id", item.id}, {"group", item.group}, {"doc", item.doc}, {"target", item.target}};
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
  return row;
}

SampleLog::SampleLog(const std::string& path) : path_(path) {
  int number = 0;
  for (const std::string& line : resume_lines(path)) {
    EvalJson row = EvalJson::parse(line, nullptr, false);
    ++number;
    require(row.is_object() && row.contains("id") && row["id"].is_string() && row.contains("doc_id"), path,
            ":", number, ": is damaged");
    const std::string id = row["id"];
    rows_[id] = std::move(row);
  }
  out_.open(path, std::ios::app | std::ios::binary);
  require(out_.good(), path, ": cannot write");
}

void SampleLog::add(const EvalJson& row) {
  out_ << row.dump(-1, ' ', false, kReplace) << '\n' << std::flush;
  require(out_.good(), path_, ": cannot write (disk full?)");
  rows_[row["id"].get<std::string>()] = row;
}

std::vector<EvalJson> SampleLog::rows() const {
  std::vector<EvalJson> out;
  for (const auto& [id, row] : rows_) out.push_back(row);
  std::sort(out.begin(), out.end(), [](const EvalJson& a, const EvalJson& b) {
    return a["doc_id"].get<size_t>() < b["doc_id"].get<size_t>();
  });
  return out;
}

void SampleLog::finish() {
  out_.close();
  std::string text;
  for (const EvalJson& row : rows()) text += row.dump(-1, ' ', false, kReplace) + "\n";
  write_whole(path_, text);
}

}  // namespace rouse
