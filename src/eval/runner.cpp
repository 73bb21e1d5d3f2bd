#include "eval/runner.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/error.h"
#include "decoding/vote.h"

namespace rouse {
namespace {

class Runner {
 public:
  Runner(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
         const RunnerOptions& options, SampleLog& log, EvalCost& cost,
         const std::function<void(double, double)>& progress, const std::atomic<bool>* interrupted)
      : task_(task),
        items_(items),
        model_(model),
        o_(options),
        log_(log),
        cost_(cost),
        progress_(progress),
        interrupted_(interrupted) {
    for (const Item& item : items) n_done_ += log.has(item.id);
    for (const EvalJson& row : log.rows()) count(row);
  }

  bool run() {
    const double begin = now_seconds();
    const bool whole = blocks();
    cost_.seconds += now_seconds() - begin;
    return whole;
  }

 private:
  bool blocks() {
    const bool text = task_.kind == TaskKind::text;
    const size_t size = text                             ? 8 * static_cast<size_t>(o_.n_parallel)
                        : task_.kind == TaskKind::tokens ? 1
                                                         : 32;
    std::unique_ptr<Scorer> scorer;
    if (!text) scorer = std::make_unique<Scorer>(model_.engines, model_.method.clone(), o_.score_alpha);
    for (size_t first = 0; first < items_.size(); first += size) {
      const size_t n = std::min(size, items_.size() - first);
      const auto some = std::span(items_).subspan(first, n);
      if (std::all_of(some.begin(), some.end(), [&](const Item& i) { return log_.has(i.id); })) continue;
      if (stopped()) return false;
      if (text && !generate(first, n)) return false;
      if (!text) score(*scorer, first, n);
    }
    if (scorer) {  // every stream runs the whole text
      cost_.cost += scorer->cost();
      cost_.n_text += scorer->cost().rows / static_cast<int64_t>(model_.method.streams().size());
    }
    return true;
  }

  bool stopped() const { return interrupted_ && *interrupted_; }

  /// The tokens of a prompt; one that leaves no room for n more loses its beginning.
  std::vector<int> prompt_of(const Item& item, size_t n) {
    const Tokenizer& t = model_.tokenizer;
    std::vector<int> tokens = !o_.chat_template
                                  ? t.encode(item.prompt, true, false)
                                  : t.encode(t.render_chat({{"user", item.prompt}}), true, true);
    const size_t n_bos = t.encode("", true, false).size();
    const size_t room = static_cast<size_t>(model_.engines.model->n_cell()) /
                        std::max<size_t>(1, model_.method.streams().size());
    require(n + n_bos + 1 < room, "item ", item.id, " needs ", n,
            " tokens beside its prompt, the context has ", room, "; raise -c");
    if (tokens.size() + n > room) {
      const size_t cut = tokens.size() + n - room;
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(n_bos),
                   tokens.begin() + static_cast<std::ptrdiff_t>(n_bos + cut));
      ++cost_.n_cut;
    }
    return tokens;
  }

  void count(const EvalJson& row) {
    if (!row.contains(task_.metric)) return;
    ++n_counted_, sum_ += row[task_.metric].get<double>();
  }

  /// The score of the first k samples is that of the first with their majority's answer.
  Scores vote(const Item& item, Response& response) {
    std::vector<std::optional<std::string>> answers;
    Scores scores, major;
    for (const std::string& text : response.samples) {
      answers.push_back(task_.vote(text));
      const auto winner = std::find(answers.begin(), answers.end(), majority(answers));
      response.text =
          winner == answers.end() ? "" : response.samples[static_cast<size_t>(winner - answers.begin())];
      scores = task_.score(item, response);
      const auto main =
          std::find_if(scores.begin(), scores.end(), [&](const auto& s) { return s.first == task_.metric; });
      major.emplace_back(cat("major@", answers.size()), main->second);
    }
    scores.insert(scores.end(), major.begin(), major.end());
    return scores;
  }

  Scores scores_of(const Item& item, Response& response) {
    if (!response.samples.empty()) return vote(item, response);
    if (!task_.program) {
      Scores scores = task_.score(item, response);
      if (!model_.likelihood)
        std::erase_if(scores, [](const auto& s) { return s.first == "nll" || s.first == "tokens"; });
      return scores;
    }
    require(o_.sandbox != nullptr, task_.name, " needs a sandbox");
    const PythonVerdict verdict = run_python(*o_.sandbox, task_.program(item, response.text));
    response.execution = {verdict.reason, verdict.seconds};
    return {{"pass@1", verdict.passed}};
  }

  void finish(size_t index, Response response) {
    const Item& item = items_[index];
    if (log_.has(item.id)) return;
    const Scores scores = scores_of(item, response);
    const EvalJson row = sample_row(index, item, response, scores);
    log_.add(row);
    count(row);
    ++cost_.n_item;
    ++n_done_;
    const double done = static_cast<double>(n_done_) / static_cast<double>(items_.size());
    if (progress_) progress_(done, n_counted_ ? sum_ / static_cast<double>(n_counted_) : NAN);
  }

  /// Items [first, first + n) as scores. A block is always the same batch, whatever of it was done before, so
  /// that a run that was interrupted gives the numbers of one that was not: kernels differ by batch.
  void score(Scorer& scorer, size_t first, size_t n) {
    std::vector<ScoreRequest> requests;
    for (size_t i = first; i < first + n; ++i) {
      const Item& item = items_[i];
      ScoreRequest r;
      size_t most = 0;
      for (const std::string& choice : item.choices) {
        r.continuations.push_back(model_.tokenizer.encode(choice, false, false));
        most = std::max(most, r.continuations.back().size());
      }
      if (item.tokens.empty()) {
        r.prefix = prompt_of(item, most);
      } else {
        r.prefix = item.prefix;
        r.continuations.push_back(item.tokens);
      }
      for (const auto& c : r.continuations) cost_.n_token += static_cast<int64_t>(c.size());
      requests.push_back(std::move(r));
    }
    scorer.forget();
    const auto scores = scorer.score(requests);
    for (size_t i = 0; i < n; ++i) finish(first + i, {"", scores[i]});
  }

  /// An item's samples on their way; one, where nothing votes.
  struct Running {
    size_t index;
    std::vector<std::unique_ptr<Generation>> samples;
    bool done() const {
      return std::all_of(samples.begin(), samples.end(), [](const auto& g) { return g->done(); });
    }
  };

  Running start(Scheduler& scheduler, size_t index, GenerateOptions g) {
    g.sampling.seed = o_.sampling.seed + index * static_cast<uint64_t>(o_.n_sample);
    const std::vector<int> prompt = prompt_of(items_[index], static_cast<size_t>(g.n_predict));
    Running r{index, {}};
    r.samples.push_back(
        std::make_unique<Generation>(model_.engines, model_.tokenizer, model_.method.clone(), prompt, g));
    for (int i = 1; i < o_.n_sample; ++i)
      r.samples.push_back(
          std::make_unique<Generation>(*r.samples[0], g.sampling.seed + static_cast<uint64_t>(i)));
    for (const auto& sample : r.samples) scheduler.submit(*sample);
    return r;
  }

  void finish(const Running& r) {
    Response response;
    cost_.n_text += static_cast<int64_t>(r.samples[0]->prompt().size());
    for (const auto& g : r.samples) {
      if (const auto& e = g->error())
        throw Error(cat("item ", items_[r.index].id, ": ", e->what()), e->exit_code());
      cost_.n_token += static_cast<int64_t>(g->tokens().size());
      cost_.n_text += static_cast<int64_t>(g->tokens().size());
      for (const Phase* phase : {&g->prefill(), &g->step()}) cost_.cost += phase->cost;
      response.samples.push_back(g->text());
    }
    response.text = response.samples[0];
    if (r.samples.size() == 1) response.samples.clear();
    finish(r.index, response);
  }

  /// The same as generated texts. False when interrupted.
  bool generate(size_t first, size_t n) {
    GenerateOptions g;
    g.n_predict = o_.n_predict > 0 ? o_.n_predict : task_.n_predict;
    g.ignore_eos = o_.ignore_eos;
    g.sampling = o_.sampling;
    for (const char* stop : task_.stop)
      if (stop) g.stop.emplace_back(stop);
    g.end = task_.end;
    Scheduler scheduler(model_.engines);
    const auto together = static_cast<size_t>(std::max(1, o_.n_parallel / o_.n_sample));
    std::vector<Running> running;
    for (size_t next = first; next < first + n || !running.empty();) {
      if (stopped()) return false;
      for (; next < first + n && running.size() < together; ++next)
        running.push_back(start(scheduler, next, g));
      scheduler.step();
      scheduler.retire();
      for (const Running& r : running)
        if (r.done()) finish(r);
      std::erase_if(running, [](const Running& r) { return r.done(); });
    }
    return true;
  }

  const TaskEntry& task_;
  const std::vector<Item>& items_;
  const EvalModel& model_;
  const RunnerOptions& o_;
  SampleLog& log_;
  EvalCost& cost_;
  const std::function<void(double, double)>& progress_;
  const std::atomic<bool>* interrupted_;
  size_t n_done_ = 0;
  double sum_ = 0;
  int64_t n_counted_ = 0;
};

}  // namespace

bool run_task(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
              const RunnerOptions& options, SampleLog& log, EvalCost& cost,
              const std::function<void(double, double)>& progress, const std::atomic<bool>* interrupted) {
  return Runner(task, items, model, options, log, cost, progress, interrupted).run();
}

}  // namespace rouse
