"""Routing, and the models that it is tested on, in float64 NumPy: as plain as they can be written, one row at a time.

No code is shared with rouse: the routing follows docs/methods.md, the models their papers. Weights come from the GGUF files.
A decision's margin is how far it was from falling otherwise (a gap of scores, of gates or of keys).
"""
import math

import gguf
import numpy as np

MASK64 = 2**64 - 1


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def uniforms(seed, layer, position, n):
    """n numbers in [0, 1) of the generator keyed by (seed, layer, position) (src/base/random.h)."""
    state = mix64(mix64(mix64(seed) ^ layer) ^ ((position * 0xD6E8FEB86659FD93) & MASK64))
    return [(mix64((state + i) & MASK64) >> 11) * 2.0**-53 for i in range(n)]


class Router:
    def __init__(self, n_expert, k, gate="softmax", renormalize=True, scale=1.0, n_group=1, n_group_used=1, group_score="best"):
        self.__dict__.update(locals())


def gates(router, logits):
    if router.gate == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    e = np.exp(logits - logits.max())
    return e / e.sum()


def ranked(router, score, n, first=None):
    """The n best, best first, inside the groups that may be chosen from; and the margin of that. first: from that rank on their
    order counts too."""
    score, margin = score.copy(), math.inf
    if router.n_group > 1:
        size = router.n_expert // router.n_group
        groups = [np.sort(score[g * size:(g + 1) * size])[::-1] for g in range(router.n_group)]
        value = np.array([g[0] if router.group_score == "best" else g[0] + g[1] for g in groups])
        order = np.argsort(-value, kind="stable")
        margin = value[order[router.n_group_used - 1]] - value[order[router.n_group_used]]
        for g in order[router.n_group_used:]:
            score[g * size:(g + 1) * size] = -math.inf
    order = [e for e in np.argsort(-score, kind="stable") if score[e] > -math.inf]
    for i in range(n if first is None else max(first, 1), min(n + 1, len(order))):
        margin = min(margin, score[order[i - 1]] - score[order[i]])
    return [int(e) for e in order[:n]], margin


def steered(logits, push, strength):
    """push[e]: 1 towards the largest + 0.01, -1 towards the smallest - 0.01, 0 as it is. A negative strength turns it around."""
    out = logits.copy()
    for e, sign in enumerate(push):
        if sign * strength != 0:
            target = logits.max() + 0.01 if sign * strength > 0 else logits.min() - 0.01
            out[e] += abs(strength) * (target - logits[e])
    return out


def route(router, policy, logits, layer, position, model_bias=None):
    """Experts, weights and the margin of one row. policy: kind, its options, and what is added to it (mask, push)."""
    r = np.array(logits, dtype=np.float64)
    if "push" in policy:
        r = steered(r, policy["push"][layer], policy["strength"])
    r[policy.get("mask", {}).get(layer, [])] = -math.inf
    g = gates(router, r)
    own = np.where(r > -math.inf, g + (0 if model_bias is None else np.array(model_bias)), -math.inf)
    trained, anchor_margin = ranked(router, own, router.k)
    score = own + (policy["bias"][layer] if "bias" in policy else 0)
    if policy["kind"] == "topk":
        chosen, margin = ranked(router, score, policy["k"])
    elif policy["kind"] == "explore":
        keep, pool, k = policy["keep"], policy["pool"], policy["k"]
        best, margin = ranked(router, score, keep + pool, keep)
        u = uniforms(policy["seed"], layer, position, pool)
        keys = [math.log(max(g[e], 2.0**-126)) / policy["temp"] - math.log(max(-math.log1p(-u[i]), 2.0**-1022))
                for i, e in enumerate(best[keep:])]
        order = sorted(range(pool), key=lambda i: -keys[i])
        for a, b in zip(order[:k - keep], order[1:k - keep + 1]):
            margin = min(margin, keys[a] - keys[b])
        chosen = best[:keep] + [best[keep + i] for i in order[:k - keep]]
    weights = g[chosen]
    if router.renormalize:
        weights = weights / g[trained if policy.get("anchored") else chosen].sum()
        if policy.get("anchored"):
            margin = min(margin, anchor_margin)
    return chosen, weights * router.scale, float(margin)


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, positions, base, interleaved):
    """Rotary embedding of [token, head, width]: of neighbours, or of halves."""
    half = x.shape[-1] // 2
    angle = positions[:, None, None] * base ** (-np.arange(half) / half)
    a, b = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    c, d = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    if not interleaved:
        return np.concatenate([c, d], -1)
    out = np.empty_like(x)
    out[..., ::2], out[..., 1::2] = c, d
    return out


class Model:
    """Mixtral, Qwen3-MoE or OLMoE from a GGUF file of F32 weights."""

    def __init__(self, path):
        file = gguf.GGUFReader(path)
        self.w = {t.name: np.array(t.data, dtype=np.float64) for t in file.tensors}
        arch = file.fields["general.architecture"].contents()
        get = lambda key: file.fields[f"{arch}.{key}"].contents()
        self.n_layer, self.n_head, self.n_head_kv = get("block_count"), get("attention.head_count"), get("attention.head_count_kv")
        self.eps, self.base, self.interleaved = get("attention.layer_norm_rms_epsilon"), get("rope.freq_base"), arch == "llama"
        self.router = Router(get("expert_count"), get("expert_used_count"), renormalize=arch != "olmoe")

    def attention(self, x, l):
        w, n = lambda name: self.w[f"blk.{l}.{name}.weight"], len(x)
        q, k, v = (x @ w(f"attn_{part}").T for part in "qkv")
        width = v.shape[1] // self.n_head_kv
        heads = lambda t: t.reshape(n, -1, width)
        if f"blk.{l}.attn_q_norm.weight" in self.w:  # across the projection (OLMoE), or of each head (Qwen3)
            whole = w("attn_q_norm").size == q.shape[1]
            q, k = (norm(t if whole else heads(t), w(f"attn_{p}_norm"), self.eps) for t, p in ((q, "q"), (k, "k")))
        at = np.arange(n)
        q, k, v = rotate(heads(q), at, self.base, self.interleaved), rotate(heads(k), at, self.base, self.interleaved), heads(v)
        out = np.zeros_like(q)
        for h in range(self.n_head):
            kv = h * self.n_head_kv // self.n_head
            scores = np.where(at[:, None] >= at, q[:, h] @ k[:, kv].T / math.sqrt(width), -math.inf)
            p = np.exp(scores - scores.max(-1, keepdims=True))
            out[:, h] = p / p.sum(-1, keepdims=True) @ v[:, kv]
        return out.reshape(n, -1) @ w("attn_output").T

    def experts(self, x, l, policy, used):
        w, out = lambda name: self.w[f"blk.{l}.{name}.weight"], np.zeros_like(x)
        for i, row in enumerate(x):
            chosen, weights, margin = route(self.router, policy, w("ffn_gate_inp") @ row, l, i)
            self.margin = min(self.margin, margin)
            used[i][l] = chosen
            for e, weight in zip(chosen, weights):
                gate = w("ffn_gate_exps")[e] @ row
                out[i] += weight * (w("ffn_down_exps")[e] @ (gate / (1 + np.exp(-gate)) * (w("ffn_up_exps")[e] @ row)))
        return out

    def run(self, tokens, policy):
        """Logits [token, vocabulary]; the chosen experts [token][layer]; the margin of the closest routing decision."""
        self.margin, used = math.inf, [[None] * self.n_layer for _ in tokens]
        x = self.w["token_embd.weight"][tokens]
        for l in range(self.n_layer):
            x = x + self.attention(norm(x, self.w[f"blk.{l}.attn_norm.weight"], self.eps), l)
            x = x + self.experts(norm(x, self.w[f"blk.{l}.ffn_norm.weight"], self.eps), l, policy, used)
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return norm(x, self.w["output_norm.weight"], self.eps) @ head.T, used, self.margin
