/// model/arch/qwen3vlmoe.cpp - the text half of Qwen3-VL-30B-A3B and larger (arXiv:2511.21631): Qwen3-MoE
/// whose positions come in sections, which are alike in a text.
#include "model/arch/families.h"

namespace rouse {

ModelSpec qwen3vlmoe(const Keys& keys) {
  read_text_sections(keys);
  keys.integer_or("n_deepstack_layers", 0, 0, 1 << 10);  // where features of pictures enter; texts have none
  return qwen3moe(keys);
}

}  // namespace rouse
