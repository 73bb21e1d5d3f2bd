"""Tiny random models of the other families, and their GGUF files with the tensor names and keys of real converters.

Biases, sinks and selection biases are random too: a family's parts must all matter. DeepSeek-V2 needs transformers 5
(4.55 lacks the attention factor squared); everything else is judged by 4.55.4."""
import gguf
import numpy as np
import torch
import transformers as hf

import newer
import tiny

SMALL = dict(vocab_size=tiny.N_VOCAB, hidden_size=32, num_hidden_layers=3, max_position_embeddings=512, rms_norm_eps=1e-6,
             tie_word_embeddings=False, bos_token_id=tiny.N_VOCAB - 1, eos_token_id=tiny.N_VOCAB - 1,
             attn_implementation="eager")
GQA = dict(num_attention_heads=4, num_key_value_heads=2)
LATENT = dict(num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8,
              v_head_dim=8, intermediate_size=48, moe_intermediate_size=16, n_routed_experts=8, num_experts_per_tok=3,
              n_shared_experts=2, first_k_dense_replace=1)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=128, beta_fast=32.0, beta_slow=1.0)


def randomize(model, seed: int):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            noise = torch.randn(p.shape, generator=g)
            if "inv_freq" in name:
                continue
            if "e_score_correction_bias" in name:
                p.copy_(0.2 * torch.rand(p.shape, generator=g))
            elif "norm" in name:
                p.copy_(1 + 0.2 * noise)
            elif p.dim() == 1 or name.endswith("_bias"):
                p.copy_(0.3 * noise)
            else:
                transposed = "GptOss" in type(model).__name__ and "experts" in name  # [E, n_in, n_out]
                p.copy_(noise / p.shape[-2 if transposed else -1] ** 0.5)
                if any(name.endswith(router) for router in ("mlp.gate.weight", "mlp.gate.wg.weight", "router.weight",
                                                            "router.layer.weight")):
                    p.mul_(1.5)
                if "embed_tokens" in name:
                    p.mul_(p.shape[-1] ** 0.5)
                if "lm_head" in name:
                    p.mul_(2)
    return model.eval()


def qwen2moe():
    return hf.Qwen2MoeForCausalLM(hf.Qwen2MoeConfig(
        intermediate_size=48, moe_intermediate_size=16, shared_expert_intermediate_size=40, num_experts=8,
        num_experts_per_tok=3, norm_topk_prob=False, decoder_sparse_step=1, use_sliding_window=False, rope_theta=1e6,
        **SMALL, **GQA))


def qwen3moe():
    return hf.Qwen3MoeForCausalLM(hf.Qwen3MoeConfig(
        intermediate_size=48, moe_intermediate_size=16, num_experts=8, num_experts_per_tok=3, norm_topk_prob=True,
        decoder_sparse_step=1, head_dim=12, use_sliding_window=False, rope_theta=1e6, **SMALL, **GQA))


def olmoe():
    return hf.OlmoeForCausalLM(hf.OlmoeConfig(intermediate_size=16, num_experts=8, num_experts_per_tok=3,
                                              norm_topk_prob=False, rope_theta=10000.0, **SMALL, **GQA))


def gpt_oss():
    return hf.GptOssForCausalLM(hf.GptOssConfig(
        intermediate_size=16, num_local_experts=8, num_experts_per_tok=3, head_dim=12, sliding_window=24,
        rope_theta=150000.0, rope_scaling=dict(YARN, truncate=False), **SMALL, **GQA))


def granitemoe():
    return hf.GraniteMoeForCausalLM(hf.GraniteMoeConfig(
        intermediate_size=16, num_local_experts=8, num_experts_per_tok=3, embedding_multiplier=3.0, residual_multiplier=0.4,
        attention_multiplier=0.2, logits_scaling=2.0, rope_theta=10000.0, **SMALL, **GQA))


def qwen2():
    return hf.Qwen2ForCausalLM(hf.Qwen2Config(intermediate_size=48, use_sliding_window=False, rope_theta=1e6, **SMALL, **GQA))


def qwen3():
    return hf.Qwen3ForCausalLM(hf.Qwen3Config(intermediate_size=48, head_dim=12, use_sliding_window=False, rope_theta=1e6,
                                              **SMALL, **GQA))


def deepseek3():
    return hf.DeepseekV3ForCausalLM(hf.DeepseekV3Config(
        q_lora_rank=12, n_group=4, topk_group=2, norm_topk_prob=True, routed_scaling_factor=2.5, rope_theta=10000.0,
        rope_scaling=dict(YARN, mscale=1.0, mscale_all_dim=1.0), **SMALL, **LATENT))


def deepseek2(q_lora_rank=12, groups=True):
    rope = dict(YARN, mscale=0.707, mscale_all_dim=0.707, rope_theta=10000.0)
    choice = dict(n_group=4, topk_group=2, topk_method="group_limited_greedy") if groups else dict(topk_method="greedy")
    return hf.DeepseekV2ForCausalLM(hf.DeepseekV2Config(
        q_lora_rank=q_lora_rank, norm_topk_prob=False, routed_scaling_factor=1.5, rope_parameters=rope, **choice, **SMALL,
        **LATENT))


def deepseek2_lite():
    return deepseek2(None, groups=False)


# name: (architecture, model). The plain form holds the weights of deepseek2.
FAMILIES = {"qwen2moe": ("qwen2moe", qwen2moe), "qwen3moe": ("qwen3moe", qwen3moe), "olmoe": ("olmoe", olmoe),
            "gpt_oss": ("gpt-oss", gpt_oss), "granitemoe": ("granitemoe", granitemoe), "deepseek3": ("deepseek2", deepseek3),
            "qwen2": ("qwen2", qwen2), "qwen3": ("qwen3", qwen3)}
FAMILIES_5 = {"deepseek2": ("deepseek2", deepseek2), "deepseek2_plain": ("deepseek2", deepseek2),
              "deepseek2_lite": ("deepseek2", deepseek2_lite)}


for table, more in ((FAMILIES, newer.NEWER), (FAMILIES_5, newer.NEWER_5)):
    table.update({name: (arch, lambda make=make: make(SMALL, GQA)) for name, (arch, make) in more.items()})


def write_keys(w, c, name, arch):
    if arch == "deepseek2":
        plain = name.endswith("plain")
        key = c.qk_nope_head_dim + c.qk_rope_head_dim
        scaling = c.rope_scaling if name == "deepseek3" else c.rope_parameters
        tiny.common_keys(w, c, name, c.num_attention_heads if plain else 1, c.qk_rope_head_dim,
                         c.rope_theta if name == "deepseek3" else scaling["rope_theta"])
        if c.q_lora_rank:
            w.add_q_lora_rank(c.q_lora_rank)
        w.add_kv_lora_rank(c.kv_lora_rank)
        w.add_key_length(key if plain else c.kv_lora_rank + c.qk_rope_head_dim)
        w.add_value_length(c.v_head_dim if plain else c.kv_lora_rank)
        if not plain:
            w.add_key_length_mla(key)
            w.add_value_length_mla(c.v_head_dim)
        w.add_leading_dense_block_count(c.first_k_dense_replace)
        w.add_expert_shared_count(c.n_shared_experts)
        w.add_expert_weights_scale(c.routed_scaling_factor)
        w.add_expert_weights_norm(bool(c.norm_topk_prob))
        w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID if name == "deepseek3" else gguf.ExpertGatingFuncType.SOFTMAX)
        if c.n_group:
            w.add_expert_group_count(c.n_group)
            w.add_expert_group_used_count(c.topk_group)
        w.add_rope_scaling_yarn_log_mul(0.1 * scaling["mscale_all_dim"])
    else:
        head = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
        rope = getattr(c, "rope_parameters", None) or {}
        turned = int(head * (rope.get("partial_rotary_factor") or getattr(c, "partial_rotary_factor", None) or 1))
        tiny.common_keys(w, c, name, c.num_key_value_heads, turned, rope.get("rope_theta") or c.rope_theta)
        if head * c.num_attention_heads != c.hidden_size:
            w.add_key_length(head)
            w.add_value_length(head)
        scaling = getattr(c, "rope_scaling", None)
    if scaling and scaling.get("rope_type") == "yarn":
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(scaling["factor"])
        w.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    experts = next((getattr(c, n) for n in ("n_routed_experts", "num_experts", "num_local_experts",
                                            "moe_num_experts") if hasattr(c, n)), 0)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(newer.experts_used(c))
        w.add_expert_feed_forward_length(getattr(c, "moe_intermediate_size", c.intermediate_size))
    newer.write_keys(w, c, arch)
    if arch == "qwen2moe":
        w.add_expert_shared_feed_forward_length(c.shared_expert_intermediate_size)
    if arch == "gpt-oss":
        w.add_sliding_window(c.sliding_window)
    if arch == "granitemoe":
        w.add_embedding_scale(c.embedding_multiplier)
        w.add_residual_scale(c.residual_multiplier)
        w.add_attention_scale(c.attention_multiplier)
        w.add_logit_scale(c.logits_scaling)
    tiny.vocabulary_keys(w, c)


def attention_tensors(s, c, name, arch):
    """(GGUF name, array) of one block's attention; s: the block's weights."""
    a = "self_attn."
    if arch == "deepseek2":
        if c.q_lora_rank:
            yield "attn_q_a.weight", s[a + "q_a_proj.weight"]
            yield "attn_q_a_norm.weight", s[a + "q_a_layernorm.weight"]
            yield "attn_q_b.weight", s[a + "q_b_proj.weight"]
        else:
            yield "attn_q.weight", s[a + "q_proj.weight"]
        yield "attn_kv_a_mqa.weight", s[a + "kv_a_proj_with_mqa.weight"]
        yield "attn_kv_a_norm.weight", s[a + "kv_a_layernorm.weight"]
        both = s[a + "kv_b_proj.weight"]
        if name.endswith("plain"):
            yield "attn_kv_b.weight", both
        else:
            both = both.reshape(c.num_attention_heads, c.qk_nope_head_dim + c.v_head_dim, c.kv_lora_rank)
            yield "attn_k_b.weight", both[:, :c.qk_nope_head_dim].swapaxes(1, 2)
            yield "attn_v_b.weight", both[:, c.qk_nope_head_dim:]
    else:
        for part, heads in (("q", c.num_attention_heads), ("k", c.num_key_value_heads), ("v", 0)):
            weight = s[f"{a}{part}_proj.weight"]
            yield f"attn_{part}.weight", tiny.turn(weight, heads) if arch == "granitemoe" and heads else weight
            if f"{a}{part}_proj.bias" in s:
                yield f"attn_{part}.bias", s[f"{a}{part}_proj.bias"]
            if f"{a}{part}_norm.weight" in s:
                yield f"attn_{part}_norm.weight", s[f"{a}{part}_norm.weight"]
        if a + "sinks" in s:
            yield "attn_sinks.weight", s[a + "sinks"]
    yield "attn_output.weight", s[a + "o_proj.weight"]
    if a + "o_proj.bias" in s:
        yield "attn_output.bias", s[a + "o_proj.bias"]


def expert_tensors(s, c, arch):
    halves = lambda both: np.split(both, 2, axis=1)  # [E, 2 ff, n_in] -> gate, up
    if arch == "gpt-oss":
        both, bias = s["mlp.experts.gate_up_proj"].swapaxes(1, 2), s["mlp.experts.gate_up_proj_bias"]
        for part, first in (("gate", 0), ("up", 1)):  # interleaved
            yield f"ffn_{part}_exps.weight", both[:, first::2]
            yield f"ffn_{part}_exps.bias", bias[:, first::2]
        yield "ffn_down_exps.weight", s["mlp.experts.down_proj"].swapaxes(1, 2)
        yield "ffn_down_exps.bias", s["mlp.experts.down_proj_bias"]
        yield "ffn_gate_inp.weight", s["mlp.router.weight"]
        yield "ffn_gate_inp.bias", s["mlp.router.bias"]
        return
    if arch == "granitemoe":
        m = "block_sparse_moe."
        gate, up = halves(s[m + "input_linear.weight"])
        down, router = s[m + "output_linear.weight"], s[m + "router.layer.weight"]
    elif "mlp.experts.gate_up_proj" in s:
        gate, up = halves(s["mlp.experts.gate_up_proj"])
        down, router = s["mlp.experts.down_proj"], s["mlp.gate.weight"]
    else:
        stack = lambda part: np.stack([s[f"mlp.experts.{e}.{part}.weight"] for e in range(s["mlp.gate.weight"].shape[0])])
        gate, up, down, router = stack("gate_proj"), stack("up_proj"), stack("down_proj"), s["mlp.gate.weight"]
    yield "ffn_gate_inp.weight", router
    yield "ffn_gate_exps.weight", gate
    yield "ffn_up_exps.weight", up
    yield "ffn_down_exps.weight", down
    if "mlp.gate.e_score_correction_bias" in s:
        yield "exp_probs_b.bias", s["mlp.gate.e_score_correction_bias"]
    for shared in ("mlp.shared_expert.", "mlp.shared_experts."):
        for part in ("gate", "up", "down"):
            if f"{shared}{part}_proj.weight" in s:
                yield f"ffn_{part}_shexp.weight", s[f"{shared}{part}_proj.weight"]
    if "mlp.shared_expert_gate.weight" in s:
        yield "ffn_gate_inp_shexp.weight", s["mlp.shared_expert_gate.weight"][0]


def write_gguf(model, name, arch, path):
    c = model.config
    w = gguf.GGUFWriter(path, arch)
    write_keys(w, c, name, arch)
    state = {k: v.detach().float().numpy() for k, v in model.state_dict().items()}
    add = lambda key, value: w.add_tensor(key, np.ascontiguousarray(value))
    add("token_embd.weight", state["model.embed_tokens.weight"])
    add("output_norm.weight", state["model.norm.weight"])
    add("output.weight", state["lm_head.weight"])
    for i in range(c.num_hidden_layers):
        prefix = f"model.layers.{i}."
        s = newer.renamed({k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)})
        b = f"blk.{i}."
        add(b + "attn_norm.weight", s["input_layernorm.weight"])
        add(b + ("post_attention_norm" if arch in ("gpt-oss", "glm4moe") else "ffn_norm") + ".weight", s["post_attention_layernorm.weight"])
        for key, value in attention_tensors(s, c, name, arch):
            add(b + key, value)
        if "mlp.gate_proj.weight" in s:
            for part in ("gate", "up", "down"):
                add(f"{b}ffn_{part}.weight", s[f"mlp.{part}_proj.weight"])
        else:
            for key, value in expert_tensors(s, c, arch):
                add(b + key, value)
    tiny.finish(w)


class Choices:
    """Which experts transformers' own forward chose, by hooks, and how near each choice was to another."""

    def __init__(self, model):
        self.rows, self.model = [], model
        for layer in model.model.layers:
            block = getattr(layer, "block_sparse_moe", None) or layer.mlp
            router = getattr(block, "gate", None) or getattr(block, "router", None)
            if hasattr(block, "experts") or hasattr(block, "input_linear"):
                router.register_forward_hook(lambda router, args, out, block=block: self.note(block, router, args, out))

    def note(self, block, router, args, out):
        c = self.model.config
        x = args[0].reshape(-1, args[0].shape[-1])
        matrix = next((getattr(router, n) for n in ("layer", "wg") if hasattr(router, n)), router)
        logits = torch.nn.functional.linear(x.float(), matrix.weight.float(), getattr(router, "bias", None))
        holders = (router, block, getattr(block, "moe_statics", None))
        bias = next((h.e_score_correction_bias for h in holders if hasattr(h, "e_score_correction_bias")), None)
        sigmoid = bias is not None and not hasattr(block, "moe_statics")
        score = torch.sigmoid(logits) if sigmoid else torch.softmax(logits, -1)
        score = score if bias is None else score + bias.reshape(-1)
        gap = torch.full((len(x),), torch.inf)
        if (getattr(c, "n_group", None) or 1) > 1:
            groups = score.view(len(x), c.n_group, -1)
            value = groups.topk(2, -1)[0].sum(-1) if sigmoid else groups.max(-1).values
            ranked = value.sort(-1, descending=True).values
            gap = ranked[:, c.topk_group - 1] - ranked[:, c.topk_group]
            allowed = torch.zeros_like(value).scatter_(1, value.topk(c.topk_group, -1).indices, 1)
            score = torch.where(allowed[:, :, None].expand_as(groups).reshape(score.shape) > 0, score, -1.0)
        ranked = score.sort(-1, descending=True)
        k = newer.experts_used(c)
        gap = torch.minimum(gap, ranked.values[:, k - 1] - ranked.values[:, k])
        ids = ranked.indices[:, :k].sort(-1).values
        theirs = [t for t in (out if isinstance(out, tuple) else ()) if torch.is_tensor(t) and t.dtype == torch.int64
                  and t.shape == ids.shape]
        if theirs:  # the router says itself; else it is a linear layer and the block takes the k best
            chosen = theirs[0].sort(-1).values
            assert bool(((chosen == ids).all(-1) | (gap < 1e-4)).all())
            ids = chosen
        self.rows.append((ids.tolist(), [round(min(float(g), 1.0), 6) for g in gap]))
