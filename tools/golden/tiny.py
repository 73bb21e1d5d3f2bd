"""Tiny random models of Hugging Face transformers, and the same weights as GGUF files with a byte-level vocabulary."""
import gguf
import numpy as np
import torch
from transformers import (LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM, Qwen2MoeConfig,
                          Qwen2MoeForCausalLM)

N_VOCAB = 272  # 256 bytes, 15 merges, the end token


def vocabulary():
    """A GPT-2 byte vocabulary with a few merges: token texts, types, merges."""
    visible = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    text, extra = {}, 0
    for b in range(256):
        if b in visible:
            text[b] = chr(b)
        else:
            text[b] = chr(256 + extra)
            extra += 1
    tokens = [text[b] for b in range(256)]
    space = text[32]
    merges = [("t", "h"), ("th", "e"), (space, "the"), ("i", "n"), ("a", "n"), (space, "a"), ("o", "f"), (space, "of"), ("e", "r"),
              ("o", "n"), (space, "t"), ("r", "e"), ("a", "t"), ("e", "n"), ("an", "d")]
    tokens += [a + b for a, b in merges] + ["<|endoftext|>"]
    assert len(tokens) == N_VOCAB
    types = [gguf.TokenType.NORMAL] * (N_VOCAB - 1) + [gguf.TokenType.CONTROL]
    return tokens, types, [f"{a} {b}" for a, b in merges]


def randomize(model, seed: int, router_gain: float = 8.0):
    """Weights large enough that logits spread and routers have opinions."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn(p.shape, generator=generator) if "norm" in name else torch.zeros(p.shape))
            else:
                p.copy_(torch.randn(p.shape, generator=generator) / p.shape[-1] ** 0.5)
                if name.endswith("mlp.gate.weight") or name.endswith("block_sparse_moe.gate.weight"):
                    p.mul_(router_gain ** 0.5)
                if "embed_tokens" in name:
                    p.mul_(p.shape[-1] ** 0.5)
                if "lm_head" in name:
                    p.mul_(2)
    return model.eval()


COMMON = dict(vocab_size=N_VOCAB, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False,
              bos_token_id=N_VOCAB - 1, eos_token_id=N_VOCAB - 1, attn_implementation="eager")


def llama():
    return randomize(LlamaForCausalLM(LlamaConfig(intermediate_size=96, **COMMON)), 1)


def mixtral():
    config = MixtralConfig(intermediate_size=32, num_local_experts=8, num_experts_per_tok=2, sliding_window=None, **COMMON)
    return randomize(MixtralForCausalLM(config), 2)


def deepseek():
    """DeepSeekMoE as Qwen2-MoE: the shared gate is 0, so its sigmoid is 1/2, and the shared down projection doubles."""
    config = Qwen2MoeConfig(intermediate_size=96, moe_intermediate_size=32, shared_expert_intermediate_size=64, num_experts=8,
                            num_experts_per_tok=3, norm_topk_prob=False, mlp_only_layers=[0], decoder_sparse_step=1,
                            use_sliding_window=False, **COMMON)
    model = randomize(Qwen2MoeForCausalLM(config), 3)
    with torch.no_grad():
        for layer in model.model.layers:
            if hasattr(layer.mlp, "shared_expert_gate"):
                layer.mlp.shared_expert_gate.weight.zero_()
    return model


MODELS = {"llama": llama, "mixtral": mixtral, "deepseek": deepseek}


def turn(weight, n_head):
    """Rows of a q or k projection from transformers' half-split rotation to GGUF's neighbouring pairs."""
    out, n = weight.shape
    return weight.reshape(n_head, 2, out // n_head // 2, n).swapaxes(1, 2).reshape(out, n)


def common_keys(w, c, name: str, n_head_kv: int, n_rot: int, rope_base: float):
    """Keys that every decoder file carries."""
    w.add_name(f"tiny-{name}")
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(n_head_kv)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_rope_dimension_count(n_rot)
    w.add_rope_freq_base(rope_base)
    w.add_vocab_size(c.vocab_size)


def vocabulary_keys(w, c):
    tokens, types, merges = vocabulary()
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(merges)
    w.add_bos_token_id(c.bos_token_id)
    w.add_eos_token_id(c.eos_token_id)
    w.add_add_bos_token(True)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_gguf(model, name: str, path: str):
    c = model.config
    w = gguf.GGUFWriter(path, "deepseek" if name == "deepseek" else "llama")
    common_keys(w, c, name, c.num_key_value_heads, c.hidden_size // c.num_attention_heads, c.rope_theta)
    if name == "mixtral":
        w.add_expert_count(c.num_local_experts)
        w.add_expert_used_count(c.num_experts_per_tok)
    if name == "deepseek":
        w.add_expert_count(c.num_experts)
        w.add_expert_used_count(c.num_experts_per_tok)
        w.add_expert_feed_forward_length(c.moe_intermediate_size)
        w.add_expert_shared_count(c.shared_expert_intermediate_size // c.moe_intermediate_size)
        w.add_leading_dense_block_count(1)
        w.add_expert_weights_scale(1.0)
    vocabulary_keys(w, c)
    add_llama_tensors(w, model, name)
    finish(w)


def add_llama_tensors(w, model, name: str, tied: bool = False):
    """The tensors of Llama, Mixtral and DeepSeekMoE."""
    c = model.config
    s = {k: v.detach().float().numpy() for k, v in model.state_dict().items()}
    add = lambda name, value: w.add_tensor(name, np.ascontiguousarray(value))
    add("token_embd.weight", s["model.embed_tokens.weight"])
    add("output_norm.weight", s["model.norm.weight"])
    if not tied:
        add("output.weight", s["lm_head.weight"])
    for i in range(c.num_hidden_layers):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        add(b + "attn_norm.weight", s[p + "input_layernorm.weight"])
        add(b + "ffn_norm.weight", s[p + "post_attention_layernorm.weight"])
        add(b + "attn_q.weight", turn(s[p + "self_attn.q_proj.weight"], c.num_attention_heads))
        add(b + "attn_k.weight", turn(s[p + "self_attn.k_proj.weight"], c.num_key_value_heads))
        add(b + "attn_v.weight", s[p + "self_attn.v_proj.weight"])
        add(b + "attn_output.weight", s[p + "self_attn.o_proj.weight"])
        if name == "mixtral":
            m = p + "block_sparse_moe."
            stack = lambda part: np.stack([s[f"{m}experts.{e}.{part}.weight"] for e in range(c.num_local_experts)])
            add(b + "ffn_gate_inp.weight", s[m + "gate.weight"])
            add(b + "ffn_gate_exps.weight", stack("w1"))
            add(b + "ffn_up_exps.weight", stack("w3"))
            add(b + "ffn_down_exps.weight", stack("w2"))
        elif p + "mlp.experts.0.gate_proj.weight" in s:
            m = p + "mlp."
            stack = lambda part: np.stack([s[f"{m}experts.{e}.{part}.weight"] for e in range(c.num_experts)])
            add(b + "ffn_gate_inp.weight", s[m + "gate.weight"])
            add(b + "ffn_gate_exps.weight", stack("gate_proj"))
            add(b + "ffn_up_exps.weight", stack("up_proj"))
            add(b + "ffn_down_exps.weight", stack("down_proj"))
            add(b + "ffn_gate_shexp.weight", s[m + "shared_expert.gate_proj.weight"])
            add(b + "ffn_up_shexp.weight", s[m + "shared_expert.up_proj.weight"])
            add(b + "ffn_down_shexp.weight", s[m + "shared_expert.down_proj.weight"] / 2)  # sigmoid(0) = 1/2 in transformers
        else:
            for part, theirs in (("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj")):
                add(f"{b}ffn_{part}.weight", s[f"{p}mlp.{theirs}.weight"])
