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
  // Seconds. due: the shares of the parts so far; what one leaves is the next one's.
  double used = 0, due = 0;
  const auto add = [&](const std::string& name, const std::string& what, double seconds, bool runs) {
    r.parts.push_back({name, what, runs ? "" : needs(seconds), seconds});
    if (runs) used += seconds;
  };
  /// Documents within what is due; the least number, where at least that fits what is left of the budget.
  const auto fitting = [&](std::span<const Document> documents, auto rows_of) {
    const size_t n = documents_within(documents, (due - used) / in.row_seconds, rows_of);
    if (n > 0 || documents.size() < kLeastDocuments) return n;
    const double least = rows_of(documents.first(kLeastDocuments)) * in.row_seconds;
    return least <= in.budget_seconds - used ? kLeastDocuments : 0;
  };
  const auto shown = [](std::span<const Document> documents, size_t n) {
    return documents.first(n ? n : std::min(documents.size(), kLeastDocuments));
  };

  due += shares.judge * in.budget_seconds;
  const auto judge_rows = [&](std::span<const Document> d) {
    return n_token(d) * (in.judge_passes + in.learn_passes);
  };
  const size_t n_judge = fitting(in.judge, judge_rows);
  r.n_judge = static_cast<int>(n_judge);
  const auto judged = shown(in.judge, n_judge);
  add("text", cat(judged.size(), " documents under each routing"), judge_rows(judged) * in.row_seconds,
      n_judge > 0);

  due += shares.plan * in.budget_seconds;
  const auto rows_of_plan = [&](std::span<const Document> d) { return plan_rows(d, in); };
  const size_t n_plan = fitting(in.learn, rows_of_plan);
  r.n_plan = static_cast<int>(n_plan);
  const auto planned = shown(in.learn, n_plan);
  add("plan", cat(planned.size(), " other documents, half of them held out"),
      plan_rows(planned, in) * in.row_seconds, n_plan > 0);

  // Of every routing a warm-up and the repeats; SCMoE's step counts two.
  due += shares.speed * in.budget_seconds;
  constexpr int kFewest = 3, kWarm = 2, kMostRepeats = 15;
  const double repeat = 6 * kSpeedTokens * in.step_seconds;
  const double fits = std::floor((due - used) / repeat) - kWarm;
  const bool any = fits >= kFewest || (kFewest + kWarm) * repeat <= in.budget_seconds - used;
  r.n_repeat = any ? static_cast<int>(std::clamp<double>(fits, kFewest, kMostRepeats)) : 0;
  add("speed", cat("answers of ", kSpeedTokens, " tokens, in turns"),
      repeat * (std::max(r.n_repeat, kFewest) + kWarm), any);

  due += shares.headroom * in.budget_seconds;
  const auto all_swaps = [&](std::span<const Document> d) { return headroom_rows(d, in, 0); };
  const auto few_swaps = [&](std::span<const Document> d) { return headroom_rows(d, in, kFewCandidates); };
  size_t n_headroom = documents_within(in.learn, (due - used) / in.row_seconds, all_swaps);
  if (n_headroom < std::min<size_t>(in.learn.size(), 4 * kLeastDocuments)) {
    r.n_candidate = kFewCandidates;
    n_headroom = fitting(in.learn, few_swaps);
  }
  r.n_headroom = static_cast<int>(n_headroom);
  const auto swapped = shown(in.learn, n_headroom);
  const std::string swaps = r.n_candidate ? cat("the best ", r.n_candidate, " swaps") : "every swap";
  add("headroom", cat(swapped.size(), " documents, ", swaps, " of hard tokens"),
      headroom_rows(swapped, in, r.n_candidate) * in.row_seconds, n_headroom > 0);

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
