/// cli/run_batch.cpp - a file of prompts, side by side, each with options of its own.
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/lock.h"
#include "cli/run_command.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

/// Ids that an earlier, interrupted run has already answered.
std::set<std::string> answered(const std::string& path) {
  std::set<std::string> ids;
  int number = 0;
  for (const std::string& line : resume_lines(path)) {
    const Json row = Json::parse(line, nullptr, false);
    ++number;
    require_usage(row.is_object() && row.contains("id"), path, ":", number,
                  ": is no answer of an earlier run; choose another -o");
    ids.insert(row["id"].dump());
  }
  return ids;
}

struct BatchItem {
  Json id;
  RunOptions options;
  std::string prompt;
};

/// One line of a batch file over the command line's options.
BatchItem parse_item(const RunOptions& base, const std::string& line) {
  BatchItem item{nullptr, base, ""};
  const Json row = Json::parse(line);
  require(row.is_object() && row.contains("id"), "expected an object with \"id\" and \"prompt\"");
  RunOptions& o = item.options;
  auto& s = o.generate.sampling;
  if (row.contains("method")) o.method.given.clear();  // the command line's options were for its own method
  for (const auto& [key, value] : row.items()) {
    if (key == "id")
      item.id = value;
    else if (key == "prompt")
      item.prompt = value.get<std::string>();
    else if (key == "tokens") {
      for (const auto& id : value) o.prompt.tokens += cat(o.prompt.tokens.empty() ? "" : ",", id.get<int>());
    } else if (key == "raw")
      o.prompt.raw = value.get<bool>();
    else if (key == "system")
      o.prompt.system = value.get<std::string>();
    else if (set_method_option(o.method, key, value.is_string() ? value.get<std::string>() : value.dump()))
      continue;
    else if (key == "n_predict")
      o.generate.n_predict = value.get<int>();
    else if (key == "ignore_eos")
      o.generate.ignore_eos = value.get<bool>();
    else if (key == "json_schema")
      o.generate.grammar = json_schema_grammar(value.dump());
    else if (key == "grammar")
      o.generate.grammar = value.get<std::string>();
    else if (key == "stop")
      o.generate.stop =
          value.is_string() ? std::vector{value.get<std::string>()} : value.get<std::vector<std::string>>();
    else if (key == "temp")
      s.temperature = value.get<float>();
    else if (key == "top_k")
      s.top_k = value.get<int>();
    else if (key == "top_p")
      s.top_p = value.get<float>();
    else if (key == "min_p")
      s.min_p = value.get<float>();
    else if (key == "seed")
      s.seed = value.get<uint64_t>();
    else if (key == "repeat_penalty")
      s.repeat_penalty = value.get<float>();
    else if (key == "presence_penalty")
      s.presence_penalty = value.get<float>();
    else if (key == "frequency_penalty")
      s.frequency_penalty = value.get<float>();
    else
      throw Error(cat("unknown key \"", key, "\""));
  }
  return item;
}

std::vector<BatchItem> read_batch(const RunOptions& o) {
  std::ifstream in(o.batch);
  require_usage(in.good(), o.batch, ": cannot open this batch file");
  std::vector<BatchItem> items;
  std::set<std::string> ids;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      items.push_back(parse_item(o, line));
      require(ids.insert(items.back().id.dump()).second, "id ", items.back().id.dump(), " occurs twice");
    } catch (const std::exception& e) {
      throw Error(cat(o.batch, ":", number, ": ", e.what()), Exit::usage);
    }
  }
  return items;
}

/// Writes answers as they come.
class BatchWriter {
 public:
  explicit BatchWriter(const std::string& path) : path_(path), out_(path, std::ios::app) {
    require(out_.good(), path, ": cannot write the answers");
  }
  void add(const Json& row) {
    out_ << row.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
    require(out_.good(), path_, ": cannot write (disk full?)");
  }

 private:
  std::string path_;
  std::ofstream out_;
};

}  // namespace

int run_batch(const RunOptions& o) {
  require_usage(!o.output.empty(), "--batch needs -o OUT.jsonl for the answers");
  std::vector<BatchItem> items = read_batch(o);
  const Lock lock(o.output);  // two processes would answer everything twice
  const std::set<std::string> done = answered(o.output);
  std::vector<MethodOptions> methods;
  for (const BatchItem& item : items) methods.push_back(item.options.method);
  const Session session(o.model, methods, o.n_parallel);
  BatchWriter out(o.output);
  ProgressBar bar(o.batch);
  const size_t n_item = items.size();
  std::erase_if(items, [&](const BatchItem& item) { return done.count(item.id.dump()) > 0; });
  size_t n_done = n_item - items.size(), n_failed = 0, next = 0;
  Scheduler scheduler(session.engines());
  std::vector<std::pair<std::unique_ptr<Generation>, const BatchItem*>> running;
  const auto fail = [&](const BatchItem& item, const Error& e) {  // one bad item must not cost the others
    out.add({{"id", item.id}, {"error", e.what()}});
    ++n_failed, ++n_done;
  };
  while (!interrupted && (next < items.size() || !running.empty())) {
    while (next < items.size() && running.size() < static_cast<size_t>(o.n_parallel)) {
      const BatchItem& item = items[next++];
      try {
        running.emplace_back(
            session.start(item.options.method,
                          prompt_tokens(item.options.prompt, *session.tokenizer, item.prompt),
                          item.options.generate),
            &item);
        scheduler.submit(*running.back().first);
      } catch (const Error& e) {
        fail(item, e);
      }
    }
    scheduler.step();
    for (const auto& [generation, item] : running) {
      if (!generation->done()) continue;
      if (generation->error()) {
        fail(*item, *generation->error());
        continue;
      }
      Json row{{"id", item->id}};
      row.update(generation_json(*generation, item->options.method, session.router()));
      out.add(row);
      bar.update(static_cast<double>(++n_done) / static_cast<double>(n_item));
    }
    scheduler.retire();  // before its generations go
    std::erase_if(running, [](const auto& r) { return r.first->done(); });
  }
  if (interrupted) {
    std::fprintf(stderr, "interrupted; run the same command again to continue with what is missing in %s\n",
                 o.output.c_str());
    return static_cast<int>(Exit::interrupted);
  }
  if (n_failed)
    std::fprintf(stderr, "%zu of %zu prompts failed; see \"error\" in %s\n", n_failed, n_item,
                 o.output.c_str());
  return static_cast<int>(n_failed ? Exit::partial : Exit::ok);
}

}  // namespace rouse
