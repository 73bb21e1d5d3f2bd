#!/usr/bin/env python3
"""A second opinion on DeepSeekMoE, which transformers lacks: MLX-LM's own implementation on the committed weights.

./dev golden check makes the environment and runs this; nothing is written."""
import json
import pathlib

import gguf
import mlx.core as mx
import numpy as np
from mlx_lm.models import deepseek

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"


def unturn(weight, n_head):
    """Rows of a q or k projection from GGUF's neighbouring pairs back to the half-split rotation."""
    out, n = weight.shape
    return weight.reshape(n_head, out // n_head // 2, 2, n).swapaxes(1, 2).reshape(out, n)


def main():
    reader = gguf.GGUFReader(GOLDEN / "deepseek.gguf")
    key = lambda name: reader.fields[name].contents()
    size = lambda name: key("deepseek." + name)
    t = {x.name: np.array(x.data) for x in reader.tensors}
    n_layer, n_head, n_kv, n_dense = (size(k) for k in ("block_count", "attention.head_count", "attention.head_count_kv",
                                                        "leading_dense_block_count"))
    model = deepseek.Model(deepseek.ModelArgs(
        model_type="deepseek", vocab_size=t["token_embd.weight"].shape[0], hidden_size=size("embedding_length"),
        intermediate_size=size("feed_forward_length"), moe_intermediate_size=size("expert_feed_forward_length"),
        num_hidden_layers=n_layer, num_attention_heads=n_head, num_key_value_heads=n_kv,
        n_shared_experts=size("expert_shared_count"), n_routed_experts=size("expert_count"),
        num_experts_per_tok=size("expert_used_count"), moe_layer_freq=1, first_k_dense_replace=n_dense,
        max_position_embeddings=size("context_length"), rms_norm_eps=size("attention.layer_norm_rms_epsilon"),
        rope_theta=size("rope.freq_base"), rope_scaling=None, attention_bias=False))
    w = {"model.embed_tokens.weight": t["token_embd.weight"], "model.norm.weight": t["output_norm.weight"],
         "lm_head.weight": t["output.weight"]}
    for i in range(n_layer):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        w[p + "input_layernorm.weight"] = t[b + "attn_norm.weight"]
        w[p + "post_attention_layernorm.weight"] = t[b + "ffn_norm.weight"]
        w[p + "self_attn.q_proj.weight"] = unturn(t[b + "attn_q.weight"], n_head)
        w[p + "self_attn.k_proj.weight"] = unturn(t[b + "attn_k.weight"], n_kv)
        w[p + "self_attn.v_proj.weight"] = t[b + "attn_v.weight"]
        w[p + "self_attn.o_proj.weight"] = t[b + "attn_output.weight"]
        for part in ("gate", "up", "down"):
            if i < n_dense:
                w[f"{p}mlp.{part}_proj.weight"] = t[f"{b}ffn_{part}.weight"]
            else:
                w[f"{p}mlp.switch_mlp.{part}_proj.weight"] = t[f"{b}ffn_{part}_exps.weight"]
                w[f"{p}mlp.shared_experts.{part}_proj.weight"] = t[f"{b}ffn_{part}_shexp.weight"]
        if i >= n_dense:
            w[p + "mlp.gate.weight"] = t[b + "ffn_gate_inp.weight"]
    model.load_weights([(k, mx.array(v)) for k, v in w.items()], strict=True)
    golden = json.loads((GOLDEN / "deepseek.json").read_text())
    logits = np.array(model(mx.array([golden["tokens"]])))[0]
    worst = np.abs(logits[golden["rows"]] - np.array(golden["logits"])).max()
    print(f"MLX-LM's DeepSeekMoE against the golden logits: largest difference {worst:.1e}")
    assert worst < 1e-3


if __name__ == "__main__":
    main()
