#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "model/model_spec.h"

namespace rouse {

/// YaRN (arXiv:2309.00071, section 3.2): dimensions that turn often within the original context keep their
/// speed, slow ones are slowed by the whole factor, those between are blended.
static std::vector<float> yarn_factors(const RopeSpec& rope, float beta_fast, float beta_slow,
                                       bool truncate) {
  const int n_dim = rope.n_rot;
  const auto dimension = [&](double rotations) {  // the one that turns so often within the original context
    return n_dim * std::log(rope.n_ctx_original / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(static_cast<double>(rope.base)));
  };
  double low = dimension(beta_fast), high = dimension(beta_slow);
  if (truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, n_dim - 1.0);
  std::vector<float> factors;
  for (int i = 0; i < n_dim / 2; ++i) {
    const double slowed = std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1.0 / (slowed / rope.factor + (1 - slowed))));
  }
  return factors;
}

static void read_yarn(const Keys& keys, bool truncate, RopeSpec& rope) {
  const float fast = keys.real_or("rope.scaling.yarn_beta_fast", 32.0),
              slow = keys.real_or("rope.scaling.yarn_beta_slow", 1.0);
  require_model(fast >= slow && slow > 0, keys.file().path(), ": YaRN's beta_fast is ", fast,
                " and its beta_slow ", slow, ", expected fast >= slow > 0");
  rope.factors = yarn_factors(rope, fast, slow, truncate);
  const float magnitude = rope.factor > 1 ? 1.0f + 0.1f * std::log(rope.factor) : 1.0f;
  const float said = keys.real_or("rope.scaling.yarn_attn_factor", magnitude);
  if (!(std::abs(said - magnitude) <= 1e-3f))
    keys.refuse("rope.scaling.yarn_attn_factor",
                cat(said, ", expected the ", magnitude, " that follows from rope.scaling.factor"));
  rope.magnitude *= magnitude;
}

RopeSpec read_rope(const Keys& keys, int n_embd_head, bool truncate) {
  const std::string& path = keys.file().path();
  RopeSpec rope;
  rope.n_rot = keys.integer_or("rope.dimension_count", n_embd_head, 2, n_embd_head);
  rope.base = keys.real_or("rope.freq_base", 10000.0);
  require_model(rope.base > 1 && rope.n_rot % 2 == 0, path, ": rope base ", rope.base, " over ", rope.n_rot,
                " dimensions");
  rope.n_ctx_original = keys.integer_or("rope.scaling.original_context_length",
                                        keys.integer("context_length", 1, 1 << 30), 1, 1 << 30);
  rope.magnitude = keys.real_or("rope.scaling.attn_factor", 1.0);
  if (!(rope.magnitude > 0 && rope.magnitude < 1e3f))
    keys.refuse("rope.scaling.attn_factor", cat(rope.magnitude, ", expected more than 0 and less than 1000"));
  // A factor without a type scales linearly; early files have another name for it; 0 is no factor.
  rope.scaling = keys.text_or("rope.scaling.type", "linear");
  const char* key = keys.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  rope.factor = keys.real_or(key, 0.0);
  if (rope.factor == 0) rope.factor = 1.0f;
  if (!(rope.factor > 0 && rope.factor < 1e6f))
    keys.refuse(key, cat(rope.factor, ", expected more than 0 and less than 1e6"));
  if (rope.scaling == "yarn") {
    read_yarn(keys, truncate, rope);
  } else if (rope.scaling == "linear" && rope.factor != 1) {
    rope.factors.assign(static_cast<size_t>(rope.n_rot / 2), rope.factor);
  } else if (rope.scaling == "linear" || rope.scaling == "none") {
    rope.scaling = "none";
    rope.factor = 1.0f;
  } else {
    keys.refuse("rope.scaling.type", cat("\"", rope.scaling, "\", expected none, linear or yarn"));
  }
  return rope;
}

}  // namespace rouse
