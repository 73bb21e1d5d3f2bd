#!/usr/bin/env python3
"""Counterfactual Routing's calibration over transformers' weights in float64, as naively as it can be written: a full pass
for every perturbed layer and every ablated expert. Writes tests/golden/calibration.json. ./dev golden runs it."""
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


class Probe(Router):
    """Router with one perturbed layer, or one expert masked at one (layer, row)."""

    def __init__(self, model, k):
        super().__init__(model)
        self.policy, self.k = ("topk", k), k
        self.scaled, self.ban, self.chosen, self.gates = None, None, {}, {}

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
                order = torch.argsort(gate, descending=True, stable=True)[:self.k]
                self.margin = min(self.margin, float((gate.sort(descending=True).values.diff().abs())[self.k - 1]))
                if self.ban is None:
                    self.chosen[layer, i] = order.tolist()
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


def calibrate(model, k, documents):
    model = model.double()
    probe = Probe(model, k)
    n_layer, n_expert = model.config.num_hidden_layers, 8
    base = [losses(model, d) for d in documents]
    above, below = np.percentile(sum(base, []), [80, 20])
    label = lambda x: "hard" if x > above else "easy" if x < below else ""
    layers, result = [], {"R": [], "S_hard": [], "S_easy": [], "CEI": [], "samples": [], "gate": []}
    for layer in range(n_layer):
        block = getattr(model.model.layers[layer], "block_sparse_moe", None) or model.model.layers[layer].mlp
        if not hasattr(block, "experts"):
            continue
        layers.append(layer)
        change = {"hard": [], "easy": []}
        effect = [[] for _ in range(n_expert)]
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
                    probe.ban = None
        hard, easy = np.mean(change["hard"]), np.mean(change["easy"])
        result["S_hard"].append(hard)
        result["S_easy"].append(easy)
        result["R"].append(hard / (easy + 1e-8))
        result["CEI"].append([float(np.mean(x)) if x else None for x in effect])
        result["samples"].append([len(x) for x in effect])
        result["gate"].append((gate / n_hard).tolist())
    return {"documents": documents, "layers": layers, "margin": probe.margin, **result}


def main():
    torch.set_num_threads(1)
    models = {"mixtral": (tiny.mixtral(), 2), "deepseek": (tiny.deepseek(), 3),
              "qwen3moe": (families.randomize(families.qwen3moe(), 101), 3)}
    out = {}
    for name, (model, k) in models.items():
        rng = random.Random(5)
        documents = [[tiny.N_VOCAB - 1] + [rng.randrange(tiny.N_VOCAB - 1) for _ in range(n)] for n in (23, 17, 11)]
        out[name] = calibrate(model, k, documents)
        print(name, "smallest gate gap", out[name]["margin"])
    (OUT / "calibration.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
