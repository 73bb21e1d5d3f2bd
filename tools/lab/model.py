"""The lab models: small decoders with sparse experts in PyTorch. Router: softmax over all, top-k renormalised.

Two architectures of llama.cpp: "llama" (Mixtral) and "qwen3moe" (heads of any size, queries and keys normalised).
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    arch: str = "llama"
    n_vocab: int = 2048
    n_layer: int = 6
    n_embd: int = 192
    n_head: int = 6
    n_head_kv: int = 3
    n_head_dim: int = 32
    n_expert: int = 16
    n_expert_used: int = 2
    n_ff_expert: int = 192
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    n_ctx: int = 2048


def rope(x, cos, sin, arch):
    """Rotates pairs: neighbours (the GGUF llama order) or halves (NeoX). x: [batch, head, token, n_rot]."""
    if arch == "llama":
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


class Experts(torch.autograd.Function):
    """Rows sorted by expert, one pair of products an expert, each written in its place.

    By hand because autograd over 64 slices would copy every slice and every expert's gradient once more. Scaling the hidden
    units by the gate, not the output, leaves nothing of an output's size to keep for the backward pass.
    """

    @staticmethod
    def forward(ctx, x, gates, gate_up, down, rows, place, bounds):
        k, xs = rows.numel() // x.shape[0], x.index_select(0, rows)
        hidden = x.new_empty(rows.numel(), gate_up.shape[2])
        for e, (a, b) in enumerate(bounds):
            torch.mm(xs[a:b], gate_up[e], out=hidden[a:b])
        gate, up = hidden.chunk(2, dim=-1)
        act = F.silu(gate).mul_(up).mul_(gates.index_select(0, place[1]).unsqueeze(-1).to(x.dtype))
        y = torch.empty_like(xs)
        for e, (a, b) in enumerate(bounds):
            torch.mm(act[a:b], down[e], out=y[a:b])
        ctx.save_for_backward(xs, gates, gate_up, down, hidden, act, rows, *place)
        ctx.bounds = bounds
        return y.index_select(0, place[0]).view(x.shape[0], k, -1).sum(1)

    @staticmethod
    def backward(ctx, grad):
        xs, gates, gate_up, down, hidden, act, rows, inverse, order = ctx.saved_tensors
        weight = gates.index_select(0, order).unsqueeze(-1).to(xs.dtype)
        dy = grad.contiguous().index_select(0, rows)
        learn = ctx.needs_input_grad[2]  # the experts of a twin stay as they are
        d_act, d_down = torch.empty_like(act), torch.empty_like(down) if learn else None
        for e, (a, b) in enumerate(ctx.bounds):
            torch.mm(dy[a:b], down[e].t(), out=d_act[a:b])
            if learn:
                torch.mm(act[a:b].t(), dy[a:b], out=d_down[e])
        gate, up = hidden.chunk(2, dim=-1)
        d_hidden = torch.empty_like(hidden)
        d_gate, d_up = d_hidden.chunk(2, dim=-1)
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        d_weight = (d_act * silu).mul_(up).sum(-1)
        d_act.mul_(weight)
        torch.mul(d_act, silu, out=d_up)
        torch.mul(d_act.mul_(up), sigmoid.add_(silu * (1 - sigmoid)), out=d_gate)
        d_xs, d_gate_up = dy, torch.empty_like(gate_up) if learn else None
        for e, (a, b) in enumerate(ctx.bounds):
            torch.mm(d_hidden[a:b], gate_up[e].t(), out=d_xs[a:b])
            if learn:
                torch.mm(xs[a:b].t(), d_hidden[a:b], out=d_gate_up[e])
        n = grad.shape[0]
        d_x = d_xs.index_select(0, inverse).view(n, rows.numel() // n, -1).sum(1)
        return d_x, d_weight.index_select(0, inverse).to(gates.dtype), d_gate_up, d_down, None, None, None


class Layer(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.attn_norm, self.ffn_norm = nn.RMSNorm(c.n_embd, c.norm_eps), nn.RMSNorm(c.n_embd, c.norm_eps)
        self.q = nn.Linear(c.n_embd, c.n_head * c.n_head_dim, bias=False)
        self.k = nn.Linear(c.n_embd, c.n_head_kv * c.n_head_dim, bias=False)
        self.v = nn.Linear(c.n_embd, c.n_head_kv * c.n_head_dim, bias=False)
        self.o = nn.Linear(c.n_head * c.n_head_dim, c.n_embd, bias=False)
        if c.arch == "qwen3moe":
            self.q_norm, self.k_norm = nn.RMSNorm(c.n_head_dim, c.norm_eps), nn.RMSNorm(c.n_head_dim, c.norm_eps)
        self.router = nn.Linear(c.n_embd, c.n_expert, bias=False)
        self.gate_up = nn.Parameter(torch.randn(c.n_expert, c.n_embd, 2 * c.n_ff_expert) * 0.05)
        self.down = nn.Parameter(torch.randn(c.n_expert, c.n_ff_expert, c.n_embd) * 0.03)

    def attention(self, x, cos, sin, mask):
        batch, token, _ = x.shape
        heads = lambda y, n: y.view(batch, token, n, self.c.n_head_dim).transpose(1, 2)
        q, k, v = (heads(self.q(x), self.c.n_head), heads(self.k(x), self.c.n_head_kv), heads(self.v(x), self.c.n_head_kv))
        q, k, v = q.float(), k.float(), v.float()
        if self.c.arch == "qwen3moe":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rope(q, cos, sin, self.c.arch), rope(k, cos, sin, self.c.arch)
        group = self.c.n_head // self.c.n_head_kv
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        with torch.autocast("cpu", enabled=False):  # heads this narrow are faster in F32
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o(y.transpose(1, 2).reshape(batch, token, -1).to(x.dtype))

    def moe(self, x):
        """x: [n, n_embd]. Returns the output and the load-balance loss (Switch: E * sum f_e p_e)."""
        c, n = self.c, x.shape[0]
        with torch.autocast("cpu", enabled=False):
            gates = F.softmax(x.float() @ self.router.weight.float().t(), dim=-1)
        top, ids = gates.topk(c.n_expert_used, dim=-1)
        top = top / top.sum(-1, keepdim=True)
        flat = ids.flatten()
        order = flat.argsort(stable=True)
        inverse = torch.empty_like(order).scatter_(0, order, torch.arange(order.numel()))
        counts = torch.bincount(flat, minlength=c.n_expert)
        ends = counts.cumsum(0)
        bounds = list(zip((ends - counts).tolist(), ends.tolist()))
        out = Experts.apply(x, top.flatten(), self.gate_up.to(x.dtype), self.down.to(x.dtype), order // c.n_expert_used,
                            (inverse, order), bounds).float()
        balance = c.n_expert * (counts.float() / flat.numel() * gates.mean(0)).sum()
        return out, balance, counts

    def forward(self, x, cos, sin, mask, dtype):
        x = x + self.attention(self.attn_norm(x).to(dtype), cos, sin, mask).float()
        y, balance, counts = self.moe(self.ffn_norm(x).flatten(0, 1).to(dtype))
        return x + y.view_as(x), balance, counts


class Lab(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.n_vocab, c.n_embd)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.n_layer))
        self.norm = nn.RMSNorm(c.n_embd, c.norm_eps)
        self.head = nn.Linear(c.n_embd, c.n_vocab, bias=False)
        for p in (self.embed.weight, self.head.weight):
            nn.init.normal_(p, std=0.05)

    def forward(self, ids, positions, mask, dtype=torch.float32):
        """Logits [batch, token, n_vocab], mean load-balance loss, expert counts [n_layer][n_expert]."""
        dim = self.c.n_head_dim
        freq = self.c.rope_base ** (-torch.arange(0, dim, 2) / dim)
        angle = positions[:, None, :, None] * freq
        cos, sin = angle.cos(), angle.sin()
        x, balance, counts = self.embed(ids), 0.0, []
        for layer in self.layers:
            x, b, n = layer(x, cos, sin, mask, dtype)
            balance = balance + b / self.c.n_layer
            counts.append(n)
        return self.head(self.norm(x).to(dtype)).float(), balance, torch.stack(counts)
