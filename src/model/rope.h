/// model/rope.h - rotary positions: which pairs turn, how fast, and how far a scaling stretches them.
#pragma once

#include <string>
#include <vector>

namespace rouse {

class Keys;

enum class RopeOrder { norm, neox };  ///< which pairs rotate: neighbours, or first half against second half

/// Pair i of a head turns by position * base^(-2i / n_rot) / factors[i]; both its sides are multiplied by
/// `magnitude`. Every scaling (linear, YaRN, Llama 3's table) is a vector of factors, so one kernel call
/// does.
struct RopeSpec {
  RopeOrder order = RopeOrder::norm;
  int n_rot = 0;  ///< rotated dimensions of a head
  float base = 10000.0f;
  std::vector<float> factors;  ///< [n_rot / 2], or empty: all 1
  float magnitude = 1.0f;      ///< YaRN's attention factor, and one that a file adds
  // As the file says it, for people to read:
  std::string scaling = "none";
  float factor = 1.0f;     ///< how many times longer than the original context
  int n_ctx_original = 0;  ///< the context before scaling
};

/// Reads rope.* of a file as llama.cpp does: a factor without a type scales linearly, and early files say
/// rope.scale_linear. n_embd_head is the default of rope.dimension_count. With `truncate`, YaRN's
/// correction range is widened to whole dimensions, as its authors and llama.cpp do; GPT-OSS does not.
/// Throws Error (exit 3) naming a scaling or a number it cannot use.
RopeSpec read_rope(const Keys& keys, int n_embd_head, bool truncate = true);

}  // namespace rouse
