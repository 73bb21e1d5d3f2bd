#include "tensor/thread_choice.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace rouse {

/// A trial runs so many graphs; the first, which starts threads, does not count.
constexpr int kTrial = 3;
/// Of all the time, what trials may take: of a number that was measured before, and of one that was not.
constexpr double kShare = 0.02, kFirstShare = 0.1;

ThreadChoice::ThreadChoice(int most) {
  for (int n = 1; n < most; n *= 2) ladder_.push_back(n);
  ladder_.push_back(most);
}

/// A new class begins with what the nearest one found; the first, with all threads only where the work is
/// worth it.
ThreadChoice::Class& ThreadChoice::of(double work) {
  constexpr double kWorth = 2e8;
  const int key = std::ilogb(std::max(work, 1.0));
  const auto found = classes_.find(key);
  if (found != classes_.end()) return found->second;
  const auto nearest = std::min_element(classes_.begin(), classes_.end(), [&](const auto& a, const auto& b) {
    return std::abs(a.first - key) < std::abs(b.first - key);
  });
  const size_t at = nearest != classes_.end() ? nearest->second.at : work < kWorth ? 0 : ladder_.size() - 1;
  Class& c = classes_[key];
  c.rate.resize(ladder_.size());
  c.at = at;
  return c;
}

/// Tries the next number, the larger and the smaller by turns, once the time since the last trial pays for
/// it.
void ThreadChoice::begin_trial(Class& c, double work) {
  const bool up = c.at == 0 || (c.up && c.at + 1 < ladder_.size());
  const size_t next = up ? c.at + 1 : c.at - 1;
  const bool known = c.rate[next] > 0;
  const double cost = kTrial * work * (known ? c.rate[next] : c.rate[c.at]);
  if (c.since * (known ? kShare : kFirstShare) < cost) return;
  c.up = !up;
  c.trial = next;
  c.n_left = kTrial;
  c.tried = 0;
}

int ThreadChoice::threads(double work) {
  Class& c = of(work);
  if (ladder_.size() > 1 && c.n_left == 0 && c.rate[c.at] > 0) begin_trial(c, work);
  return ladder_[c.n_left > 0 ? c.trial : c.at];
}

void ThreadChoice::note(double work, double seconds) {
  constexpr double kWeight = 0.2, kOutlier = 4, kBetter = 0.95;
  Class& c = of(work);
  const double rate = seconds / std::max(work, 1.0);
  if (c.n_left > 0) {
    if (c.n_left < kTrial) c.tried += rate / (kTrial - 1);
    if (--c.n_left > 0) return;
    c.rate[c.trial] = c.tried;
    c.since = 0;
    if (c.tried < kBetter * c.rate[c.at]) c.at = c.trial;
    return;
  }
  c.since += seconds;
  double& mean = c.rate[c.at];
  // One graph that waited long is no reason to change; several are.
  mean = mean == 0 ? rate : mean + kWeight * (std::min(rate, kOutlier * mean) - mean);
  for (const size_t next : {c.at - 1, c.at + 1})
    if (next < ladder_.size() && c.rate[next] > 0 && c.rate[next] < kBetter * mean) {
      c.at = next;
      return;
    }
}

}  // namespace rouse
