/// model/synth/shape.h - what a synthetic model file looks like: sizes and switches, and the keys they
/// become.
#pragma once

#include <span>
#include <string>

#include "gguf/file.h"

namespace rouse {

/// Zero leaves the key out of the file, so that the reader's default holds.
struct SynthShape {
  std::string arch = "llama";
  int n_layer = 4, n_embd = 256, n_head = 8, n_head_kv = 0, n_embd_head = 0;
  int n_expert = 8, n_expert_used = 2, n_ff_expert = 256, n_ff = 0;
  int n_shared = 0, n_ff_shared = 0, n_dense = 0, n_group = 0, n_group_used = 0;
  int n_rot = 0, n_nextn = 0, moe_step = 0;
  bool sections = false;  ///< positions of pictures: rope.dimension_sections
  int n_lora_q = 0, n_lora_kv = 0, n_nope = 0, n_rope = 0, n_value = 0;  ///< latent attention
  int n_ctx = 4096, window = 0;
  float norm_eps = 1e-5f, rope_base = 10000.0f;
  int yarn_factor = 0, n_ctx_original = 0;
  float yarn_log_multiplier = 0.0f;
  bool sigmoid = false, weights_norm = false, tied = false;
  float weights_scale = 0.0f;
  float embedding_scale = 0.0f, residual_scale = 0.0f, attention_scale = 0.0f, logit_scale = 0.0f;
};

/// A shape with a name: an architecture's small default (`--arch`) or a real model's (`--like`).
struct NamedShape {
  const char* name;
  SynthShape shape;
};
std::span<const NamedShape> arch_shapes();
std::span<const NamedShape> model_shapes();

/// An integer of a shape that a flag sets; `archs` lists the architectures it makes sense for, empty: all.
struct ShapeField {
  const char* flag;
  int SynthShape::*member;
  int low;
  const char* help;
  const char* archs;
};
std::span<const ShapeField> shape_fields();

/// Writes general.* and the architecture's own keys.
void write_shape_keys(gguf_context* gguf, const SynthShape& shape, const std::string& name);

}  // namespace rouse
