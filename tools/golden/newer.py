"""Tiny random models of the newer families, read by families.py as the others are: the same names for the same parts.

GLM-4.5, dots.llm1 and ERNIE 4.5 are judged by transformers 4.55.4; Hunyuan, MiniMax-M2 and the texts of Qwen3-VL by 5.23."""
import types

import gguf
import torch
import transformers as hf

SIGMOID = {"glm4moe", "dots1", "minimax-m2"}


def glm4moe(shape, gqa):
    """As the largest: every head normalised, biases too, half of each head turns."""
    return hf.Glm4MoeForCausalLM(hf.Glm4MoeConfig(
        intermediate_size=48, moe_intermediate_size=16, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=1,
        n_group=1, topk_group=1, first_k_dense_replace=1, norm_topk_prob=True, routed_scaling_factor=1.5, head_dim=12,
        partial_rotary_factor=0.5, use_qk_norm=True, attention_bias=True, rope_theta=1e6, **shape, **gqa))


def dots1(shape, gqa):
    return hf.Dots1ForCausalLM(hf.Dots1Config(
        intermediate_size=48, moe_intermediate_size=16, n_routed_experts=8, num_experts_per_tok=3, n_shared_experts=2,
        n_group=1, topk_group=1, first_k_dense_replace=1, norm_topk_prob=True, routed_scaling_factor=2.5, rope_theta=1e6,
        head_dim=8, num_attention_heads=4, num_key_value_heads=4, **shape))


def ernie4_5_moe(shape, gqa):
    """The last layer is dense: the file can say every n-th layer, so two of three cannot be MoE. All from 1 on are."""
    return hf.Ernie4_5_MoeForCausalLM(hf.Ernie4_5_MoeConfig(
        intermediate_size=48, moe_intermediate_size=16, moe_num_experts=8, moe_k=3, moe_num_shared_experts=2,
        moe_layer_start_index=1, moe_layer_interval=1, use_bias=False, rope_theta=5e5, **shape, **gqa))


def hunyuan_moe(shape, gqa):
    return hf.HunYuanMoEV1ForCausalLM(hf.HunYuanMoEV1Config(
        intermediate_size=16, num_experts=8, moe_topk=3, head_dim=8,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0), **shape, **gqa))


def minimax_m2(shape, gqa):
    return hf.MiniMaxM2ForCausalLM(hf.MiniMaxM2Config(
        intermediate_size=16, num_local_experts=8, num_experts_per_tok=3, head_dim=12,
        rope_parameters=dict(rope_type="default", rope_theta=5e6, partial_rotary_factor=0.5), **shape, **gqa))


class TextHalf(torch.nn.Module):
    """Qwen3-VL's language model with a head: what it computes for texts."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = hf.Qwen3VLMoeTextModel(config)
        self.lm_head = torch.nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, ids):
        return types.SimpleNamespace(logits=self.lm_head(self.model(input_ids=ids).last_hidden_state))


def qwen3vlmoe(shape, gqa):
    return TextHalf(hf.Qwen3VLMoeTextConfig(
        intermediate_size=48, moe_intermediate_size=16, num_experts=8, num_experts_per_tok=3, head_dim=16,
        rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[3, 3, 2]), **shape, **gqa))


# name: (architecture, model)
NEWER = {"glm4moe": ("glm4moe", glm4moe), "dots1": ("dots1", dots1), "ernie4_5_moe": ("ernie4_5-moe", ernie4_5_moe)}
NEWER_5 = {"hunyuan_moe": ("hunyuan-moe", hunyuan_moe), "minimax_m2": ("minimax-m2", minimax_m2),
           "qwen3vlmoe": ("qwen3vlmoe", qwen3vlmoe)}


def renamed(s):
    """One block's weights by the names that most families use."""
    names = {"self_attn.query_layernorm.weight": "self_attn.q_norm.weight",
             "self_attn.key_layernorm.weight": "self_attn.k_norm.weight", "mlp.gate.wg.weight": "mlp.gate.weight",
             "mlp.e_score_correction_bias": "mlp.gate.e_score_correction_bias",
             "mlp.moe_statics.e_score_correction_bias": "mlp.gate.e_score_correction_bias"}
    out = {names.get(key, key).replace("mlp.shared_mlp.", "mlp.shared_expert."): value for key, value in s.items()}
    bias = out.get("mlp.gate.e_score_correction_bias")
    if bias is not None:
        out["mlp.gate.e_score_correction_bias"] = bias.reshape(-1)
    return out


def experts_used(c):
    return next(getattr(c, n) for n in ("num_experts_per_tok", "moe_k", "moe_topk") if hasattr(c, n))


def write_keys(w, c, arch):
    """What these families' files say beside the common keys."""
    if arch in ("glm4moe", "dots1"):
        w.add_leading_dense_block_count(c.first_k_dense_replace)
        w.add_expert_shared_count(c.n_shared_experts)
        w.add_expert_weights_scale(c.routed_scaling_factor)
        w.add_expert_weights_norm(bool(c.norm_topk_prob))
    if arch in SIGMOID:
        w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    if arch == "ernie4_5-moe":
        w.add_leading_dense_block_count(c.moe_layer_start_index)
        w.add_interleave_moe_layer_step(c.moe_layer_interval)
        w.add_expert_shared_feed_forward_length(c.moe_num_shared_experts * c.moe_intermediate_size)
    if arch == "hunyuan-moe":
        w.add_expert_shared_feed_forward_length(c.intermediate_size)
    if arch == "qwen3vlmoe":
        w.add_rope_dimension_sections(list(c.rope_parameters["mrope_section"]) + [0])
