/// base/random.h - seeded random numbers that are the same with every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace rouse {

/// SplitMix64: a full-period mix of a counter (Steele, Lea, Flood 2014).
inline uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// A sequence of numbers from a seed. Two Randoms of the same key give the same numbers, whatever else ran
/// before.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(mix64(seed)) {}
  /// A sequence of its own for each (seed, a, b): independent of the order in which they are asked for.
  Random(uint64_t seed, uint64_t a, uint64_t b)
      : state_(mix64(mix64(mix64(seed) ^ a) ^ (b * 0xd6e8feb86659fd93ull))) {}

  uint64_t next() { return mix64(state_++); }
  /// In [0, 1): 53 bits, so that a seed gives the same text everywhere.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// In [0, bound); bound > 0. The bias of the multiply is below 2^-32 for any bound used here.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(((next() >> 32) * bound) >> 32); }
  /// Standard normal (Box-Muller).
  double normal();

 private:
  uint64_t state_;
};

/// In place, uniformly.
template <class T>
void shuffle(std::vector<T>& values, Random& random) {
  for (size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(static_cast<uint32_t>(i))]);
}
/// At most n of the numbers 0 .. size-1, drawn without replacement, ascending.
std::vector<size_t> draw_subset(size_t size, size_t n, Random random);

}  // namespace rouse
