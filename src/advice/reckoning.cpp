#include "advice/reckoning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "calibration/full_passes.h"
#include "report/next_steps.h"

namespace rouse {
namespace {

/// Shares of the budget.
struct Shares {
  double judge, plan, headroom, speed;
};
constexpr Shares kTextOnly{.judge = 0.3, .plan = 0.4, .headroom = 0.2, .speed = 0.1};
constexpr Shares kWithTasks{.judge = 0.15, .plan = 0.2, .headroom = 0.1, .speed = 0.05};

constexpr int kFewCandidates = 8;

double n_token(std::span<const Document> documents) {
  double out = 0;
  for (const Document& d : documents) out += static_cast<double>(d.tokens.size());
  return out;
}

/// Rows of a calibration, about: losses; R, one perturbation a block; one expert less and one more in every
/// block on half of the documents; every expert of a hard token taken away.
double plan_rows(std::span<const Document> documents, const ReckoningInput& in) {
  const CalibrateOptions o;
  if (!in.entry) return rows_of_full_passes(documents, in.router, o);
  const double layers = static_cast<double>(in.router.layers.size()), hard = (100 - o.strata.hard) / 100;
  return n_token(documents) *
         (2 + 0.5 * layers + 0.5 * layers + 0.5 * hard * layers * in.router.n_expert_used);
}

double headroom_rows(std::span<const Document> documents, const ReckoningInput& in, int n_candidate) {
  HeadroomOptions o;
  o.n_candidate = n_candidate;
  if (!in.entry) return rows_of_full_passes(documents, in.router, o);
  const int unchosen = in.router.n_expert - in.router.n_expert_used;
  const int swaps = n_candidate > 0 ? std::min(n_candidate, unchosen) : unchosen;
  const double layers = static_cast<double>(in.router.layers.size()), hard = (100 - o.strata.hard) / 100;
  return n_token(documents) * (2 + 0.5 * hard * layers * swaps);
}

/// The most of the documents, from the first, whose rows fit; 0 where kLeastDocuments do not.
template <class Rows>
size_t documents_within(std::span<const Document> documents, double rows, Rows rows_of) {
  size_t low = 0, high = documents.size();
  while (low < high) {
    const size_t middle = (low + high + 1) / 2;
    if (rows_of(documents.first(middle)) <= rows)
      low = middle;
    else
      high = middle - 1;
  }
  return low < kLeastDocuments ? 0 : low;
}

std::string needs(double seconds) {
  return cat("needs ", time_text(seconds), " or more");
}

}  // namespace

Reckoning reckon(const ReckoningInput& in) {
  Reckoning r;
  const Shares shares = in.with_tasks ? kWithTasks : kTextOnly;
  const auto least = [](std::span<const Document> d) { return d.first(std::min(d.size(), kLeastDocuments)); };
  double used = 0,
         due = 0;  // seconds; due: shares of the parts so far, of which what one leaves is the next one's
  const auto rows_left = [&](double share) {
    due += share * in.budget_seconds;
    return (due - used) / in.row_seconds;
  };
  const auto add = [&](const std::string& name, const std::string& what, double seconds, bool runs) {
    r.parts.push_back({name, what, runs ? "" : needs(seconds), seconds});
    if (runs) used += seconds;
  };

  const auto judge_rows = [&](std::span<const Document> d) {
    return n_token(d) * (in.judge_passes + in.learn_passes);
  };
  const size_t n_judge = documents_within(in.judge, rows_left(shares.judge), judge_rows);
  r.n_judge = static_cast<int>(n_judge);
  const auto judged = n_judge ? in.judge.first(n_judge) : least(in.judge);
  add("text", cat(judged.size(), " documents under each routing"), judge_rows(judged) * in.row_seconds,
      n_judge > 0);

  int candidates = 0;
  const double headroom_left = rows_left(shares.headroom);
  size_t n_headroom =
      documents_within(in.learn, headroom_left, [&](auto d) { return headroom_rows(d, in, 0); });
  if (n_headroom < std::min<size_t>(in.learn.size(), 4 * kLeastDocuments)) {
    candidates = kFewCandidates;
    n_headroom = documents_within(in.learn, headroom_left,
                                  [&](auto d) { return headroom_rows(d, in, kFewCandidates); });
  }
  r.n_headroom = static_cast<int>(n_headroom), r.n_candidate = candidates;
  const auto swapped = n_headroom ? in.learn.first(n_headroom) : least(in.learn);
  add("headroom",
      cat(swapped.size(), " documents, ", candidates ? cat("the best ", candidates, " swaps") : "every swap",
          " of hard tokens"),
      headroom_rows(swapped, in, candidates) * in.row_seconds, n_headroom > 0);

  const size_t n_plan =
      documents_within(in.learn, rows_left(shares.plan), [&](auto d) { return plan_rows(d, in); });
  r.n_plan = static_cast<int>(n_plan);
  const auto planned = n_plan ? in.learn.first(n_plan) : least(in.learn);
  add("plan", cat(planned.size(), " other documents, half of them held out"),
      plan_rows(planned, in) * in.row_seconds, n_plan > 0);

  // Of every routing a warm-up and the repeats; SCMoE's step counts two.
  const double repeat = 6 * kSpeedTokens * in.step_seconds;
  const double n_repeat = std::floor(shares.speed * in.budget_seconds / repeat) - 2;
  r.n_repeat = n_repeat < 3 ? 0 : static_cast<int>(std::min(n_repeat, 15.0));
  add("speed", cat("answers of ", kSpeedTokens, " tokens, in turns"),
      repeat * ((r.n_repeat ? r.n_repeat : 3) + 2), r.n_repeat > 0);
  r.task_seconds = in.with_tasks ? std::max(0.0, in.budget_seconds - used) : 0;
  return r;
}

Json reckoning_json(const Reckoning& r) {
  Json parts = Json::array();
  for (const Part& p : r.parts)
    parts.push_back({{"name", p.name}, {"what", p.what}, {"left_out", p.why}, {"seconds", p.seconds}});
  return {{"judge_documents", r.n_judge},
          {"plan_documents", r.n_plan},
          {"headroom_documents", r.n_headroom},
          {"candidates", r.n_candidate},
          {"speed_repeats", r.n_repeat},
          {"task_seconds", r.task_seconds},
          {"parts", parts}};
}

Reckoning read_reckoning(const JsonValue& v) {
  constexpr int64_t kMost = 1 << 20;
  constexpr double kLongest = 1e12;
  const auto whole = [&](const char* key) { return static_cast<int>(v.at(key).integer(0, kMost)); };
  Reckoning r;
  r.n_judge = whole("judge_documents"), r.n_plan = whole("plan_documents");
  r.n_headroom = whole("headroom_documents"), r.n_candidate = whole("candidates");
  r.n_repeat = whole("speed_repeats"), r.task_seconds = v.at("task_seconds").real(0, kLongest);
  for (const JsonValue& p : v.at("parts").list(0, 64))
    r.parts.push_back({p.at("name").text(), p.at("what").text(), p.at("left_out").text(),
                       p.at("seconds").real(0, kLongest)});
  return r;
}

}  // namespace rouse
