/// tensor/thread_choice.h - how many threads a graph is worth, found out while graphs run.
///
/// Every node of a graph is a barrier at which all threads wait for the last. Where nodes are small, or
/// another process takes one of the cores for a moment, several threads are slower than one, by up to a
/// hundredfold. No rule knows that beforehand, so it is measured: what a graph takes counts for the number of
/// threads that it ran with, and now and then the next larger or smaller number is tried. Threads change no
/// bit of the graphs that this is asked for (tests/engine/threads_test.cpp).
#pragma once

#include <cstddef>
#include <map>
#include <vector>

namespace rouse {

class ThreadChoice {
 public:
  /// Numbers up to `most`: 1, 2, 4, ..., most.
  explicit ThreadChoice(int most);
  /// Threads for a graph of so much work (multiplications); `note` follows.
  int threads(double work);
  /// What that graph took.
  void note(double work, double seconds);

 private:
  /// Graphs of about the same work, within a factor of 2.
  struct Class {
    std::vector<double> rate;  ///< [step of the ladder]: seconds a unit of work; 0: not known
    size_t at = 0;             ///< the fastest
    size_t trial = 0;          ///< that is being tried, for n_left more graphs
    int n_left = 0;
    double tried = 0, since = 0;  ///< seconds a unit of work of the trial so far; seconds since the last one
    bool up = true;               ///< the larger number is tried next, if there is one
  };
  Class& of(double work);
  void begin_trial(Class& c, double work);

  std::vector<int> ladder_;
  std::map<int, Class> classes_;  ///< by the binary logarithm of the work
};

}  // namespace rouse
