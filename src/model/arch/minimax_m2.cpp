/// model/arch/minimax_m2.cpp - MiniMax-M2: sigmoid gates with a selection bias, weights renormalised, queries
/// and keys normalised across heads, half of each head turns, no shared expert.
#include "model/arch/families.h"

namespace rouse {

ModelSpec minimax_m2(const Keys& keys) {
  ModelSpec spec = common_spec(keys);
  spec.rope.order = RopeOrder::neox;
  spec.attention.qk_norm = QkNorm::projection;
  spec.selection_bias = true;
  spec.router.renormalize = true;
  read_gate(keys, spec, Gate::sigmoid);
  return spec;
}

}  // namespace rouse
