/// Choosing threads against machines of which the best number is known.
#include "tensor/thread_choice.h"

#include <functional>

#include "support.h"

namespace rouse {
namespace {

/// Seconds of a graph on so many threads.
using Machine = std::function<double(double work, int n_thread)>;

double serial(double work) {
  return work * 1e-10;
}
/// Nodes cost a barrier each.
double quiet(double work, int n) {
  return serial(work) / n + (n > 1 ? 1e-4 : 0);
}
/// One core of `n_core` is taken: who uses all of them waits at every barrier.
Machine busy(int n_core) {
  return [n_core](double work, int n) { return quiet(work, n) * (n == n_core ? 30 : 1); };
}

/// Seconds that so many graphs take, and the number that the last ones ran with.
double run(ThreadChoice& choice, const Machine& machine, double work, int n_graph, int* last = nullptr) {
  double seconds = 0;
  for (int i = 0; i < n_graph; ++i) {
    const int n = choice.threads(work);
    const double s = machine(work, n);
    choice.note(work, s);
    seconds += s;
    if (last) *last = n;
  }
  return seconds;
}

}  // namespace

TEST(ThreadChoice, FindsTheFastestAndLosesLittleOnTheWay) {
  for (const int n_core : {2, 3, 8, 64})
    for (const double work : {1e5, 3e6, 3e7, 1e9, 1e11})
      for (const Machine& machine : {Machine(quiet), busy(n_core)}) {
        double best = machine(work, n_core);
        for (int n = 1; n < n_core; n *= 2) best = std::min(best, machine(work, n));
        ThreadChoice choice(n_core);
        run(choice, machine, work, 3000);
        EXPECT_LT(run(choice, machine, work, 3000), 1.1 * 3000 * best) << n_core << " cores, work " << work;
      }
}

TEST(ThreadChoice, FollowsANeighbourThatComesAndGoes) {
  constexpr double kWork = 1e8;
  ThreadChoice choice(2);
  int n = 0;
  run(choice, quiet, kWork, 500, &n);
  EXPECT_EQ(n, 2);
  const double one = serial(kWork);
  EXPECT_LT(run(choice, busy(2), kWork, 2000), 2000 * one / 0.9);
  run(choice, busy(2), kWork, 1, &n);
  EXPECT_EQ(n, 1);
  run(choice, quiet, kWork, 10000, &n);
  EXPECT_EQ(n, 2);
}

TEST(ThreadChoice, OneLongWaitIsNoReasonToChange) {
  constexpr double kWork = 1e8;
  ThreadChoice choice(2);
  run(choice, quiet, kWork, 500);
  run(choice, busy(2), kWork, 1);
  int n = 0;
  run(choice, quiet, kWork, 1, &n);
  EXPECT_EQ(n, 2);
}

TEST(ThreadChoice, GraphsOfOtherSizesBeginWithWhatTheNearestFound) {
  ThreadChoice choice(2);
  run(choice, busy(2), 1e8, 500);
  EXPECT_EQ(choice.threads(4e8), 1);
  ThreadChoice fresh(2);
  EXPECT_EQ(fresh.threads(1e6), 1);
  EXPECT_EQ(ThreadChoice(2).threads(1e9), 2);
  EXPECT_EQ(ThreadChoice(1).threads(1e9), 1);
}

}  // namespace rouse
