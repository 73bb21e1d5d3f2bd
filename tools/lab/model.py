"""rouse-lab: a small Mixtral-style decoder in PyTorch. Router: softmax over all, top-k renormalised."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    n_vocab: int = 2048
    n_layer: int = 6
    n_embd: int = 192
    n_head: int = 6
    n_head_kv: int = 3
    n_expert: int = 16
    n_expert_used: int = 2
    n_ff_expert: int = 192
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    n_ctx: int = 2048


def rope(x, cos, sin):
    """Rotates neighbouring pairs (the GGUF llama order). x: [batch, head, token, n_rot]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Layer(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c, self.head_dim = c, c.n_embd // c.n_head
        self.attn_norm, self.ffn_norm = nn.RMSNorm(c.n_embd, c.norm_eps), nn.RMSNorm(c.n_embd, c.norm_eps)
        self.q = nn.Linear(c.n_embd, c.n_embd, bias=False)
        self.k = nn.Linear(c.n_embd, c.n_head_kv * self.head_dim, bias=False)
        self.v = nn.Linear(c.n_embd, c.n_head_kv * self.head_dim, bias=False)
        self.o = nn.Linear(c.n_embd, c.n_embd, bias=False)
        self.router = nn.Linear(c.n_embd, c.n_expert, bias=False)
        self.gate_up = nn.Parameter(torch.randn(c.n_expert, c.n_embd, 2 * c.n_ff_expert) * 0.05)
        self.down = nn.Parameter(torch.randn(c.n_expert, c.n_ff_expert, c.n_embd) * 0.03)

    def attention(self, x, cos, sin, mask):
        batch, token, _ = x.shape
        heads = lambda y, n: y.view(batch, token, n, self.head_dim).transpose(1, 2)
        q, k, v = (heads(self.q(x), self.c.n_head), heads(self.k(x), self.c.n_head_kv), heads(self.v(x), self.c.n_head_kv))
        q, k, v = rope(q.float(), cos, sin), rope(k.float(), cos, sin), v.float()
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
        order = flat.argsort()
        counts = torch.bincount(flat, minlength=c.n_expert)
        rows = order // c.n_expert_used
        # Each expert's rows are padded to a multiple of 128: every new matrix shape would cost a new oneDNN kernel.
        padded = (counts + 127) // 128 * 128
        shift = (padded.cumsum(0) - padded) - (counts.cumsum(0) - counts)
        place = torch.arange(flat.numel()) + shift[flat[order]]
        gather = torch.zeros(int(padded.sum()), dtype=torch.long).index_put((place,), rows)
        parts = x.index_select(0, gather).split(padded.tolist())
        done = []
        # unbind: indexing one expert at a time would make its backward pass fill a gradient for all of them
        for part, gate_up, down in zip(parts, self.gate_up.to(x.dtype).unbind(0), self.down.to(x.dtype).unbind(0)):
            gate, up = (part @ gate_up).chunk(2, dim=-1)
            done.append((F.silu(gate) * up) @ down)
        weighted = torch.cat(done).index_select(0, place).float() * top.flatten()[order].unsqueeze(-1)
        out = torch.zeros(n, c.n_embd).index_add(0, rows, weighted)
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
        dim = self.c.n_embd // self.c.n_head
        freq = self.c.rope_base ** (-torch.arange(0, dim, 2) / dim)
        angle = positions[:, None, :, None] * freq
        cos, sin = angle.cos(), angle.sin()
        x, balance, counts = self.embed(ids), 0.0, []
        for layer in self.layers:
            x, b, n = layer(x, cos, sin, mask, dtype)
            balance = balance + b / self.c.n_layer
            counts.append(n)
        return self.head(self.norm(x).to(dtype)).float(), balance, torch.stack(counts)
