/// cli/run_batch.cpp - a file of prompts, side by side, each with options of its own.
#include <filesystem>
#include <set>

#include "base/files.h"
#include "base/lines.h"
#include "base/lock.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "session/batch_file.h"

namespace rouse {
namespace {

using Answers = std::map<std::string, EarlierAnswer>;

/// An answer stays if it would be the same today; another prompt or other options under its id are refused.
void check_unchanged(const BatchItem& item, const EarlierAnswer& before, const AnswerIdentity& identity) {
  const bool old = before.identity.empty();  // of a rouse that saved none
  const bool same = old ? before.inputs.empty() || before.inputs == identity.inputs(item.request)
                        : before.identity == identity.of(item.request);
  require_usage(
      same, item.where, ": id ", item.request.id.dump(), " is answered in ", before.where,
      ", but for another prompt, with other options or by another model; choose another -o, or delete "
      "that line");
}

/// Rows of what failed and is tried again go, so that every id keeps one row.
void drop_rows(const std::string& path, const std::vector<BatchItem>& again, const Answers& before) {
  std::set<std::string> stale;
  for (const BatchItem& item : again)
    if (const auto found = before.find(item.request.id.dump()); found != before.end())
      stale.insert(found->second.where);
  if (stale.empty()) return;
  std::string kept;
  LineLog(path).read([&](std::string_view line, const std::string& where) {
    if (!stale.count(where)) kept.append(line).append("\n");
  });
  write_whole(std::filesystem::canonical(path).string(), kept);
}

struct Running {
  const BatchItem* item;
  std::string identity;
  std::vector<std::unique_ptr<Generation>> samples;
  bool done() const {
    return std::ranges::all_of(samples, [](const auto& g) { return g->done(); });
  }
  const Error* error() const {
    for (const auto& g : samples)
      if (g->error()) return &*g->error();
    return nullptr;
  }
};

}  // namespace

int run_batch(const RunOptions& o, const std::atomic<bool>& stop) {
  require_usage(!o.output.empty(), "--batch needs -o OUT.jsonl for the answers");
  std::vector<BatchItem> items = read_batch(o.batch, o.request, o.rules);
  const Lock lock(o.output);  // two processes would answer everything twice
  const Answers before = read_answers(o.output);
  std::vector<MethodOptions> methods;
  int n_text = o.n_parallel;  // that have room side by side
  for (const BatchItem& item : items) {
    methods.push_back(item.request.method);
    n_text = std::max(n_text, item.request.n_sample);
  }
  const Session session(o.model, methods, n_text);
  const AnswerIdentity identity(session);
  const size_t n_item = items.size();
  std::erase_if(items, [&](const BatchItem& item) {
    const auto found = before.find(item.request.id.dump());
    if (found == before.end() || found->second.failed) return false;
    check_unchanged(item, found->second, identity);
    return true;
  });
  drop_rows(o.output, items, before);  // all is checked
  LineLog out(o.output);
  out.read([](std::string_view, const std::string&) {});
  out.open();
  const auto add = [&](const Json& row) {
    out.add(row.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  ProgressBar bar(o.batch);
  size_t n_done = n_item - items.size(), n_failed = 0, next = 0;
  Scheduler scheduler(session.engines());
  std::vector<Running> running;
  const auto fail = [&](const BatchItem& item, const Error& e) {  // one bad item must not cost the others
    add({{"id", item.request.id}, {"error", e.what()}});
    ++n_failed, ++n_done;
  };
  while (!stop && (next < items.size() || !running.empty())) {
    while (next < items.size() && running.size() < static_cast<size_t>(o.n_parallel)) {
      const BatchItem& item = items[next++];
      try {
        running.push_back({&item, identity.of(item.request), start_request(session, item.request)});
        for (const auto& sample : running.back().samples) scheduler.submit(*sample);
      } catch (const Error& e) {
        fail(item, e);
      }
    }
    scheduler.step();
    for (const Running& r : running) {
      if (!r.done()) continue;
      if (const Error* e = r.error()) {
        fail(*r.item, *e);
        continue;
      }
      Json row{{"id", r.item->request.id}, {"identity", r.identity}};
      row.update(request_result_json(r.samples, r.item->request, session.router()));
      add(row);
      bar.update(static_cast<double>(++n_done) / static_cast<double>(n_item));
    }
    scheduler.retire();  // before its generations go
    std::erase_if(running, [](const Running& r) { return r.done(); });
  }
  if (stop) {
    std::fprintf(stderr, "interrupted; run the same command again to continue with what is missing in %s\n",
                 o.output.c_str());
    return static_cast<int>(Exit::interrupted);
  }
  if (n_failed)
    std::fprintf(stderr, "%zu of %zu prompts failed; see \"error\" in %s\n", n_failed, n_item,
                 o.output.c_str());
  if (o.json) print_json({{"output", o.output}, {"prompts", n_item}, {"failed", n_failed}});
  return static_cast<int>(n_failed ? Exit::partial : Exit::ok);
}

}  // namespace rouse
