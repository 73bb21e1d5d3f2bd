"""Routing policies and SCMoE over transformers' own weights, as plain as they can be written: two passes, two caches."""
import math

import torch
import torch.nn.functional as F
from transformers import DynamicCache


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return x ^ (x >> 31)


def random_expert(seed, layer, position, n):
    """The one expert of random:1, from rouse's counter-keyed generator (src/base/random.h)."""
    state = mix64(mix64(mix64(seed) ^ layer) ^ ((position * 0xD6E8FEB86659FD93) & (2**64 - 1)))
    for expert in range(n):  # selection sampling of one among n
        draw = ((mix64(state + expert) >> 32) * (n - expert)) >> 32
        if draw < 1:
            return expert


class Router:
    """Replaces the forward of every MoE block by one that selects with self.policy at self.position onwards."""

    def __init__(self, model):
        self.policy, self.position = ("topk", 0), 0
        self.margin = math.inf  # smallest decision margin seen: a gap below 1e-3 could go either way elsewhere
        for index, layer in enumerate(model.model.layers):
            block = getattr(layer, "block_sparse_moe", None) or layer.mlp
            if hasattr(block, "experts"):
                block.forward = self.forward(block, index, model.config)

    @staticmethod
    def logits(block, rows):
        router = getattr(block, "gate", None) or block.router
        return F.linear(rows, router.weight, getattr(router, "bias", None))

    @staticmethod
    def expert(block, e, row):
        if not hasattr(block.experts, "gate_up_proj"):
            return block.experts[e](row)
        x = block.experts  # GPT-OSS: all experts in one tensor, gate and up interleaved
        both = row @ x.gate_up_proj[e] + x.gate_up_proj_bias[e]
        gate, up = both[:, ::2].clamp(max=x.limit), both[:, 1::2].clamp(-x.limit, x.limit)
        return ((up + 1) * gate * torch.sigmoid(x.alpha * gate)) @ x.down_proj[e] + x.down_proj_bias[e]

    def select(self, gate, layer, position):
        kind, value = self.policy
        order = torch.argsort(gate, descending=True, stable=True)
        ranked = gate[order]
        if kind == "topk":
            if value < len(order):
                self.margin = min(self.margin, float(ranked[value - 1] - ranked[value]))
            return order[:value]
        if kind == "rank":
            for other in (value - 2, value):
                if 0 <= other < len(order):
                    self.margin = min(self.margin, abs(float(ranked[value - 1] - ranked[other])))
            return order[value - 1:value]
        if kind == "random":
            return torch.tensor([random_expert(value, layer, position, len(order))])
        if kind == "dynamic":
            total = torch.cumsum(ranked.double(), 0)
            count = int((total <= value).sum()) + 1
            self.margin = min(self.margin, float((total - value).abs().min()))
            if count < len(order):
                self.margin = min(self.margin, float(ranked[count - 1] - ranked[count]))
            return order[:min(count, len(order))]
        raise ValueError(kind)

    def forward(self, block, layer, config):
        renormalize = getattr(config, "norm_topk_prob", True)

        def run(x):
            batch, token, width = x.shape
            rows = x.reshape(-1, width)
            logits = self.logits(block, rows)
            gates = F.softmax(logits.float(), dim=-1)
            out = torch.zeros_like(rows)
            for i in range(len(rows)):
                chosen = self.select(gates[i], layer, self.position + i)
                weights = gates[i][chosen]
                if self.policy[0] == "random":
                    weights = torch.ones(1)
                elif renormalize:
                    weights = weights / weights.sum()
                for w, e in zip(weights, chosen):
                    out[i] += w * self.expert(block, int(e), rows[i:i + 1])[0]
            if hasattr(block, "shared_expert"):
                out = out + torch.sigmoid(block.shared_expert_gate(rows)) * block.shared_expert(rows)
            return out.reshape(batch, token, width), logits

        return run


class Stream:
    """One policy with a KV cache of its own."""

    def __init__(self, model, router, policy):
        self.model, self.router, self.policy, self.cache, self.length = model, router, policy, DynamicCache(), 0

    @torch.no_grad()
    def feed(self, tokens):
        """Logits [len(tokens), n_vocab]."""
        self.router.policy, self.router.position = self.policy, self.length
        positions = torch.arange(self.length, self.length + len(tokens))
        out = self.model(torch.tensor([tokens]), past_key_values=self.cache, use_cache=True, cache_position=positions,
                         position_ids=positions[None])
        self.length += len(tokens)
        return out.logits[0]


def generate(model, router, prompt, n, strong, weak=None, alpha=0.1, beta=0.5):
    """Greedy tokens, and for each the margin of its decision: the score gap, and V's and the routers' nearness to change."""
    streams = [Stream(model, router, p) for p in ([strong, weak] if weak else [strong])]
    tokens, margins, fed = [], [], list(prompt)
    for _ in range(n):
        router.margin = math.inf
        logits = [s.feed(fed)[-1] for s in streams]
        scores = logits[0].clone()
        if weak:
            floor = scores.max() + math.log(alpha)
            router.margin = min(router.margin, float((scores - floor).abs().min()))
            scores = torch.where(scores >= floor, (1 + beta) * logits[0] - beta * logits[1], -math.inf)
        best = torch.topk(scores, 2)
        margins.append(min(router.margin, float(best.values[0] - best.values[1])))
        tokens.append(int(best.indices[0]))
        fed = tokens[-1:]
    return tokens, margins
