#!/usr/bin/env python3
"""Counterfactual Routing's calibration over transformers' weights in float64, as naively as it can be written: a full pass
for every perturbed layer, every ablated expert and every other k. Writes tests/golden/calibration.json. ./dev golden runs it."""
import json
import math
import pathlib
import random

import numpy as np
import torch

import families
import tiny
from reference import Router

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
DELTA = 0.1
NU = 5.0  # of the log-odds strata: these models know nothing, so a floor that leaves tokens out stands among their losses


class Probe(Router):
    """Router with one perturbed layer, one expert masked or dropped at one (layer, row), or other ks in some layers."""

    def __init__(self, model, k):
        super().__init__(model)
        self.policy, self.k = ("topk", k), k
        self.scaled, self.ban, self.drop, self.swap, self.chosen, self.gates, self.k_of = None, None, None, None, {}, {}, {}

    def forward(self, block, layer, config):
        renormalize = getattr(config, "norm_topk_prob", True)

        def run(x):
            batch, token, width = x.shape
            rows = x.reshape(-1, width)
            logits = self.logits(block, rows)
            out = torch.zeros_like(rows)
            self.gates[layer] = torch.softmax(logits, -1)
            for i in range(len(rows)):
                r = logits[i].clone()
                if self.ban == (layer, i, self.ban and self.ban[2]):
                    r[self.ban[2]] = -math.inf
                gate = torch.softmax(r, -1)
                k = self.k_of.get(layer, self.k)
                order = torch.argsort(gate, descending=True, stable=True)[:k]
                self.margin = min(self.margin, float((gate.sort(descending=True).values.diff().abs())[k - 1]))
                if self.swap == (layer, i, self.swap and self.swap[2]):
                    order[-1] = self.swap[2]
                elif self.ban is None and self.drop is None:
                    self.chosen[layer, i] = order.tolist()
                if self.drop == (layer, i, self.drop and self.drop[2]):
                    order = order[order != self.drop[2]]
                w = gate[order] / gate[order].sum() if renormalize else gate[order]
                for weight, e in zip(w, order):
                    out[i] += weight * self.expert(block, int(e), rows[i:i + 1])[0]
            if hasattr(block, "shared_expert"):
                out = out + torch.sigmoid(block.shared_expert_gate(rows)) * block.shared_expert(rows)
            if self.scaled == layer:
                out = out * (1 + DELTA)
            return out.reshape(batch, token, width), logits

        return run


@torch.no_grad()
def losses(model, tokens):
    logits = model(torch.tensor([tokens])).logits[0]
    return [float(torch.logsumexp(logits[t - 1], -1) - logits[t - 1][tokens[t]]) for t in range(1, len(tokens))]


@torch.no_grad()
def log_odds(model, tokens):
    """Of every token but the first: its logit minus the logsumexp of all others."""
    logits, out = model(torch.tensor([tokens])).logits[0], []
    for t in range(1, len(tokens)):
        row = logits[t - 1].clone()
        row[tokens[t]] = -math.inf
        out.append(float(logits[t - 1][tokens[t]] - torch.logsumexp(row, -1)))
    return out


def moe_layers(model):
    blocks = [getattr(b, "block_sparse_moe", None) or b.mlp for b in model.model.layers]
    return [layer for layer, block in enumerate(blocks) if hasattr(block, "experts")]


def by_log_odds(model, probe, k, documents):
    """R by log-odds, and what one expert less and one more in a layer change: means over the tokens of each document, and
    [sum, count] over its hard ones, which are those whose mean NLL of both runs is above the percentile."""
    base = [losses(model, d) for d in documents]
    kept = [x for x in sum(base, []) if x >= NU]
    above, below = np.percentile(kept, [80, 20])
    out = {"documents": documents, "nu": NU, "n_hard": int(np.sum(np.array(kept) > above)),
           "n_easy": int(np.sum(np.array(kept) < below)),
           "R": [], "S_hard": [], "S_easy": [], "less": [], "more": [], "less_hard": [], "more_hard": []}
    odds = [log_odds(model, d) for d in documents]
    for layer in moe_layers(model):
        hard, easy = [], []
        probe.scaled = layer
        for tokens, nll, before in zip(documents, base, odds):
            for x, g, h in zip(nll, before, log_odds(model, tokens)):
                if x > above:
                    hard.append(abs(h - g))
                elif NU <= x < below:
                    easy.append(abs(h - g))
        probe.scaled = None
        for name, value in (("S_hard", np.mean(hard)), ("S_easy", np.mean(easy)), ("R", np.mean(hard) / np.mean(easy))):
            out[name].append(value)
        for name, other in (("less", k - 1), ("more", k + 1)):
            probe.k_of = {layer: other}
            change = [[y - x for x, y in zip(nll, losses(model, d))] for d, nll in zip(documents, base)]
            out[name].append([np.mean(c) for c in change])
            hard_changes = [[y for x, y in zip(nll, c) if x + y / 2 > above] for nll, c in zip(base, change)]
            out[name + "_hard"].append([[sum(c), len(c)] for c in hard_changes])
            probe.k_of = {}
    return out


def clear_documents(model, probe, k, rng, lengths):
    """Random documents without a near-tie between experts, which F32 could decide otherwise."""
    out = []
    for n in lengths:
        while True:
            tokens = [tiny.N_VOCAB - 1] + [rng.randrange(tiny.N_VOCAB - 1) for _ in range(n)]
            before, probe.margin = probe.margin, 1.0
            for layer in moe_layers(model):
                for probe.scaled, probe.k_of in ((layer, {}), (None, {layer: k - 1}), (None, {layer: k + 1})):
                    losses(model, tokens)
            probe.scaled, probe.k_of = None, {}
            clear, probe.margin = probe.margin > 1e-6, min(before, probe.margin) if probe.margin > 1e-6 else before
            if clear:
                out.append(tokens)
                break
    return out


def headroom(model, probe, documents):
    """Gains of every swap of the last-ranked expert for an unchosen one, at every hard token and MoE layer: [token][expert gain]."""
    base = [losses(model, d) for d in documents]
    above = np.percentile(sum(base, []), 80)
    out = {"layers": moe_layers(model), "tokens": [], "gains": []}
    for number, (tokens, nll) in enumerate(zip(documents, base)):
        losses(model, tokens)  # fills chosen and gates
        chosen, gates = dict(probe.chosen), {layer: g.numpy().copy() for layer, g in probe.gates.items()}
        for i, x in enumerate(nll):
            if x <= above:
                continue
            out["tokens"].append([number, i + 1])
            out["gains"].append([])
            for layer in out["layers"]:
                gain = {}
                for e in range(gates[layer].shape[1]):
                    if e not in chosen[layer, i]:
                        probe.swap = (layer, i, e)
                        gain[e] = round(x - losses(model, tokens)[i], 9)
                        probe.swap = None
                out["gains"][-1].append(gain)
    best = [max(0, max(max(layer.values()) for layer in token)) for token in out["gains"]]
    out["oracle"] = float(np.mean(best))
    out["random"] = float(np.mean([g for token in out["gains"] for layer in token for g in layer.values()]))
    return out


def calibrate(model, k, documents, rng):
    model = model.double()
    probe = Probe(model, k)
    n_layer, n_expert = model.config.num_hidden_layers, 8
    base = [losses(model, d) for d in documents]
    above, below = np.percentile(sum(base, []), [80, 20])
    label = lambda x: "hard" if x > above else "easy" if x < below else ""
    layers, result = [], {"R": [], "S_hard": [], "S_easy": [], "CEI": [], "CEI_drop": [], "samples": [], "gate": []}
    for layer in range(n_layer):
        block = getattr(model.model.layers[layer], "block_sparse_moe", None) or model.model.layers[layer].mlp
        if not hasattr(block, "experts"):
            continue
        layers.append(layer)
        change = {"hard": [], "easy": []}
        effect, dropped = [[] for _ in range(n_expert)], [[] for _ in range(n_expert)]
        gate, n_hard = np.zeros(n_expert), 0
        for tokens, before in zip(documents, base):
            probe.scaled = layer
            for x, y in zip(before, losses(model, tokens)):
                if label(x):
                    change[label(x)].append(abs(y - x))
            probe.scaled = None
            losses(model, tokens)  # fills chosen and gates
            chosen, gates = dict(probe.chosen), probe.gates[layer].numpy().copy()
            for i, x in enumerate(before):  # row i predicts token i + 1
                if label(x) != "hard":
                    continue
                n_hard += 1
                gate += gates[i]
                for e in chosen[layer, i]:
                    probe.ban = (layer, i, e)
                    effect[e].append(losses(model, tokens)[i] - x)
                    probe.ban, probe.drop = None, (layer, i, e)
                    dropped[e].append(losses(model, tokens)[i] - x)
                    probe.drop = None
        hard, easy = np.mean(change["hard"]), np.mean(change["easy"])
        result["S_hard"].append(hard)
        result["S_easy"].append(easy)
        result["R"].append(hard / (easy + 1e-8))
        result["CEI"].append([float(np.mean(x)) if x else None for x in effect])
        result["CEI_drop"].append([float(np.mean(x)) if x else None for x in dropped])
        result["samples"].append([len(x) for x in effect])
        result["gate"].append((gate / n_hard).tolist())
    odds = by_log_odds(model, probe, k, clear_documents(model, probe, k, rng, (60, 71, 54, 65)))
    return {"documents": documents, "layers": layers, "margin": probe.margin, **result, "log_odds": odds,
            "headroom": headroom(model, probe, odds["documents"])}


def main():
    torch.set_num_threads(1)
    models = {"mixtral": (tiny.mixtral(), 2), "deepseek": (tiny.deepseek(), 3),
              "qwen3moe": (families.randomize(families.qwen3moe(), 101), 3)}
    out = {}
    for name, (model, k) in models.items():
        rng = random.Random(5)
        documents = [[tiny.N_VOCAB - 1] + [rng.randrange(tiny.N_VOCAB - 1) for _ in range(n)] for n in (23, 17, 11)]
        out[name] = calibrate(model, k, documents, rng)
        print(name, "smallest gate gap", out[name]["margin"])
    (OUT / "calibration.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
