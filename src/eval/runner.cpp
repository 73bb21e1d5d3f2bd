#include "eval/runner.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/clock.h"
#include "base/error.h"
#include "decoding/vote.h"
#include "tokenizer/pair.h"

namespace rouse {
namespace {

class Runner {
 public:
  Runner(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
         const RunnerOptions& options, SampleLog& log, const RunnerEvents& events)
      : task_(task), items_(items), model_(model), o_(options), log_(log), events_(events) {
    for (const auto& method : model.methods)
      if (std::ranges::find(routings_, method.get()) == routings_.end()) routings_.push_back(method.get());
    // What no item is to blame for ends the run before the first.
    options.sampling.check();
    if (options.chat_template) (void)chat_parts(model.tokenizer, {{"user", "x"}}, options.chat);
    for (const Item& item : items) n_done_ += log.has(item.id);
    for (const EvalJson& row : log.rows()) count(row);
  }

  /// False when stopped.
  bool run() {
    const bool text = task_.kind == TaskKind::text;
    const size_t size = text                             ? 8 * static_cast<size_t>(o_.n_parallel)
                        : task_.kind == TaskKind::tokens ? 1
                                                         : 32;
    std::unique_ptr<Scorer> scorer;
    if (!text) scorer = std::make_unique<Scorer>(model_.engines, model_.method().clone(), o_.score_alpha);
    for (size_t first = 0; first < items_.size(); first += size) {
      const size_t n = std::min(size, items_.size() - first);
      const auto some = std::span(items_).subspan(first, n);
      if (std::all_of(some.begin(), some.end(), [&](const Item& i) { return log_.has(i.id); })) continue;
      if (stopped()) return false;
      if (text && !generate(first, n)) return false;
      if (!text) score(*scorer, first, n);
    }
    return true;
  }

 private:
  bool stopped() const { return events_.stop && *events_.stop; }

  std::vector<TextPart> prompt_of(const Item& item) const {
    if (o_.chat_template) return chat_parts(model_.tokenizer, {{"user", item.prompt}}, o_.chat);
    return {{item.prompt, false}};
  }

  /// A prompt that leaves no room in the context for n more tokens loses its beginning, but for BOS. True
  /// where it did.
  bool cut(std::vector<int>& tokens, size_t n) const {
    size_t room = SIZE_MAX;
    for (const Stream& stream : model_.method().streams())
      room = std::min(room, static_cast<size_t>(model_.engines.of(stream.model).n_ctx()));
    const size_t n_bos = !tokens.empty() && tokens[0] == model_.tokenizer.bos();
    require_room(std::min(tokens.size(), n_bos + 1) + n <= room, "n_ctx", "an answer of ", n,
                 " tokens does not fit the context of ", room);
    if (tokens.size() + n <= room) return false;
    const size_t n_cut = tokens.size() + n - room;
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(n_bos);
    tokens.erase(begin, begin + static_cast<std::ptrdiff_t>(n_cut));
    return true;
  }

  /// Seconds since it was asked before.
  double lap() {
    const double now = now_seconds();
    return now - std::exchange(last_lap_, now);
  }

  void count(const EvalJson& row) {
    if (!row.contains(task_.metric) || !row[task_.metric].is_number()) return;
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

  void fail(size_t index, const Error& error) {
    const Item& item = items_[index];
    if (log_.has(item.id)) return;
    if (events_.failed) events_.failed(item, error);
    advance();
  }

  void advance() {
    const double done = static_cast<double>(++n_done_) / static_cast<double>(items_.size());
    if (events_.progress) events_.progress(done, n_counted_ ? sum_ / static_cast<double>(n_counted_) : NAN);
  }

  void finish(size_t index, Response response, const ItemCost& cost) {
    const Item& item = items_[index];
    if (log_.has(item.id)) return;
    const Scores scores = scores_of(item, response);
    for (const auto& [name, value] : scores)
      if (!std::isfinite(value)) return fail(index, Error(cat("its score ", name, " is ", value)));
    const EvalJson row = sample_row(index, item, response, scores, cost);
    log_.add(row);
    count(row);
    if (events_.saved) events_.saved(item);
    advance();
  }

  /// A text to score, and whether its prompt was cut.
  struct Asked {
    size_t index;
    bool cut;
  };

  /// Items [first, first + n) as scores. A block is always the same batch, whatever of it was done before, so
  /// that a run that was interrupted gives the numbers of one that was not: kernels differ by batch.
  void score(Scorer& scorer, size_t first, size_t n) {
    std::vector<ScoreRequest> requests;
    std::vector<Asked> asked;
    for (size_t i = first; i < first + n; ++i) try {
        bool cut = false;
        requests.push_back(request_of(items_[i], cut));
        asked.push_back({i, cut});
      } catch (const Error& e) {
        fail(i, e);
      }
    scorer.forget();
    const Cost before = scorer.cost();
    const std::vector<Scored> scored = scorer.score(requests);
    const std::vector<ItemCost> costs = costs_of(requests, scorer.cost() - before);
    for (size_t i = 0; i < scored.size(); ++i) {
      if (scored[i].error) {
        fail(asked[i].index, *scored[i].error);
        continue;
      }
      ItemCost cost = costs[i];
      cost.n_cut = asked[i].cut;
      finish(asked[i].index, {"", scored[i].log_probs}, cost);
    }
  }

  /// What requests that ran together cost, shared out by the rows that each would run alone.
  std::vector<ItemCost> costs_of(std::span<const ScoreRequest> requests, const Cost& all) {
    std::vector<ItemCost> out(requests.size());
    if (requests.empty()) return out;
    std::vector<int64_t> weights;
    for (size_t i = 0; i < requests.size(); ++i) {
      weights.push_back(std::max<int64_t>(1, static_cast<int64_t>(requests[i].prefix.size())));
      for (const auto& c : requests[i].continuations) {
        weights.back() += static_cast<int64_t>(c.size()) - 1;
        out[i].n_token += static_cast<int64_t>(c.size());
      }
    }
    const auto share = [&](int64_t total, int64_t ItemCost::*member) {
      const std::vector<int64_t> parts = shares(total, weights);
      for (size_t i = 0; i < out.size(); ++i) out[i].*member = parts[i];
    };
    share(all.rows, &ItemCost::rows);
    share(all.rows / static_cast<int64_t>(model_.method().streams().size()), &ItemCost::n_text);
    share(all.expert_evaluations, &ItemCost::expert_evaluations);
    share(all.weight_bytes, &ItemCost::weight_bytes);
    share(all.head_rows, &ItemCost::head_rows);
    const double seconds = lap();
    const auto sum = static_cast<double>(std::accumulate(weights.begin(), weights.end(), int64_t{0}));
    for (size_t i = 0; i < out.size(); ++i) out[i].seconds = seconds * static_cast<double>(weights[i]) / sum;
    return out;
  }

  /// The prompt, and the choices behind it: room is left for the longest of them.
  ScoreRequest request_of(const Item& item, bool& was_cut) const {
    if (!item.tokens.empty()) return {item.prefix, {item.tokens}};
    EncodedPairs pairs = encode_pairs(model_.tokenizer, prompt_of(item), item.choices, item.end_space);
    size_t longest = 1;
    for (const auto& c : pairs.continuations) longest = std::max(longest, c.size());
    was_cut = cut(pairs.context, longest - 1);
    return {std::move(pairs.context), std::move(pairs.continuations)};
  }

  /// An item's samples on their way; one, where nothing votes.
  struct Running {
    size_t index;
    bool cut;
    ItemCost shared;
    std::vector<std::unique_ptr<Generation>> samples = {};
    bool done() const {
      return std::all_of(samples.begin(), samples.end(), [](const auto& g) { return g->done(); });
    }
  };

  /// The prompt of a text to generate, and whether it was cut.
  struct Prompt {
    size_t index;
    std::vector<int> tokens;
    bool cut = false;
    ItemCost shared = {};  ///< its part of what the block's prompts have in common
  };

  std::vector<Prompt> prompts(size_t first, size_t n, int n_predict) {
    std::vector<Prompt> out;
    for (size_t i = first; i < first + n; ++i) try {
        Prompt p{i, model_.tokenizer.encode(prompt_of(items_[i]), true)};
        p.cut = cut(p.tokens, static_cast<size_t>(n_predict));
        out.push_back(std::move(p));
      } catch (const Error& e) {
        fail(i, e);
      }
    return out;
  }

  /// Few-shot prompts begin alike: that part runs once a block, and its items pay for it together. Every
  /// block begins with nothing kept, so that a run that was interrupted has the numbers and the costs of one
  /// that was not. True: there is such a part.
  bool begin_together(std::vector<Prompt>& prompts) {
    constexpr size_t kLeast = 32;  // fewer rows cost less than a batch of their own
    model_.engines.model->kept().clear();
    if (model_.engines.amateur) model_.engines.amateur->kept().clear();
    if (prompts.size() < 2) return false;
    const std::vector<int>& one = prompts[0].tokens;
    size_t n = one.size() - 1;
    for (const Prompt& p : prompts) {
      n = std::min(n, p.tokens.size() - 1);
      n = static_cast<size_t>(
          std::mismatch(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(n), p.tokens.begin()).first -
          one.begin());
    }
    if (n < kLeast) return false;
    Cost cost;
    try {
      for (const Method* method : routings_)
        cost += keep_beginning(model_.engines, *method, std::span(one).first(n));
    } catch (const Error&) {
      return false;  // every item will say it for itself
    }
    const std::vector<int64_t> equal(prompts.size(), 1);
    const auto share = [&](int64_t total, int64_t ItemCost::*member) {
      const std::vector<int64_t> parts = shares(total, equal);
      for (size_t i = 0; i < prompts.size(); ++i) prompts[i].shared.*member = parts[i];
    };
    share(cost.rows, &ItemCost::rows);
    share(cost.expert_evaluations, &ItemCost::expert_evaluations);
    share(cost.weight_bytes, &ItemCost::weight_bytes);
    return true;
  }

  Running start(Scheduler& scheduler, const Prompt& prompt, GenerateOptions g) {
    g.sampling.seed = o_.sampling.seed + prompt.index * static_cast<uint64_t>(o_.n_sample);
    Running r{.index = prompt.index, .cut = prompt.cut, .shared = prompt.shared};
    r.samples = start_samples(model_.engines, model_.tokenizer, model_.methods, prompt.tokens, g);
    for (const auto& sample : r.samples) scheduler.submit(*sample);
    return r;
  }

  void finish(const Running& r) {
    Response response;
    ItemCost cost = r.shared;
    cost.seconds = lap();
    cost.n_cut = r.cut;
    cost.n_text = static_cast<int64_t>(routings_.size() * r.samples[0]->prompt().size());
    for (const auto& g : r.samples) {
      if (const auto& e = g->error()) return fail(r.index, *e);
      cost.n_token += static_cast<int64_t>(g->tokens().size());
      cost.n_text += static_cast<int64_t>(g->tokens().size());
      for (const Phase* phase : {&g->prefill(), &g->step()}) {
        cost.rows += phase->cost.rows;
        cost.expert_evaluations += phase->cost.expert_evaluations;
        cost.weight_bytes += phase->cost.weight_bytes;
        cost.head_rows += phase->cost.head_rows;
      }
      response.samples.push_back(g->text());
    }
    response.text = response.samples[0];
    if (r.samples.size() == 1) response.samples.clear();
    finish(r.index, response, cost);
  }

  /// The same as generated texts. False when stopped.
  bool generate(size_t first, size_t n) {
    GenerateOptions g;
    g.n_predict = o_.n_predict > 0 ? o_.n_predict : task_.n_predict;
    g.ignore_eos = o_.ignore_eos;
    g.sampling = o_.sampling;
    for (const char* stop : task_.stop)
      if (stop) g.stop.emplace_back(stop);
    g.end = task_.end;
    std::vector<Prompt> some = prompts(first, n, g.n_predict);
    g.reuse = begin_together(some);
    Scheduler scheduler(model_.engines);
    const auto together = static_cast<size_t>(std::max(1, o_.n_parallel / o_.n_sample));
    std::vector<Running> running;
    for (size_t next = 0; next < some.size() || !running.empty();) {
      if (stopped()) return false;
      for (; next < some.size() && running.size() < together; ++next) try {
          running.push_back(start(scheduler, some[next], g));
        } catch (const Error& e) {
          fail(some[next].index, e);
        }
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
  const RunnerEvents& events_;
  std::vector<const Method*> routings_;  ///< the different ones among the methods; each runs a prompt once
  double last_lap_ = now_seconds();
  size_t n_done_ = 0;
  double sum_ = 0;
  int64_t n_counted_ = 0;
};

}  // namespace

bool run_task(const TaskEntry& task, const std::vector<Item>& items, const EvalModel& model,
              const RunnerOptions& options, SampleLog& log, const RunnerEvents& events) {
  return Runner(task, items, model, options, log, events).run();
}

}  // namespace rouse
