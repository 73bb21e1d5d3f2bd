/// base/lanes.h - loops over floats in sixteen lanes, for whatever width the processor has.
#pragma once

#include <cstdint>
#include <cstring>

// One binary serves every x86-64 processor: the loader picks the widest version of a function so marked. Sums
// run in sixteen lanes, spelled out because IEEE order forbids the compiler to split a sum by itself.
// (Sanitizers start before the loader could pick.)
#if defined(__x86_64__) && !defined(ROUSE_SANITIZED)
#ifdef __clang__
#define ROUSE_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ROUSE_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define ROUSE_WIDE
#endif

namespace rouse {

constexpr int kLanes = 16;
/// In memory they are plain floats, aligned to nothing.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneBits = int32_t __attribute__((vector_size(kLanes * sizeof(float))));

[[gnu::always_inline]] inline void load(Lanes& to, const float* from) {
  std::memcpy(&to, from, sizeof to);
}
[[gnu::always_inline]] inline void store(float* to, const Lanes& from) {
  std::memcpy(to, &from, sizeof from);
}

/// exp of numbers up to 0, within 3e-7 of it; 0 below -87. (Casts of vectors keep their bits.)
[[gnu::always_inline]] inline void exp_lanes(Lanes& x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  const Lanes rounded = x * 1.44269504f + kRound, n = rounded - kRound;
  const Lanes f = (x - n * 0.693145752f - n * 1.42860677e-6f) * 1.44269504f;  // ln 2 in two parts
  Lanes p = f * 1.54614447e-4f + 1.34004282e-3f;  // 2^f by its values at Chebyshev nodes of [-1/2, 1/2]
  for (const float c : {9.61805668e-3f, 5.55032723e-2f, 0.240226509f, 0.693147207f, 1.0f}) p = p * f + c;
  const LaneBits power = ((LaneBits)rounded - 0x4B400000 + 127) << 23;
  const Lanes whole = p * (Lanes)power;
  x = x < -87.0f ? Lanes{} : whole;
}

}  // namespace rouse
