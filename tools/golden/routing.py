#!/usr/bin/env python3
"""Writes tests/golden/routing.json by plain.py, in float64: experts and weights of single rows under routers of every kind, logits
of three models under policies, texts of roe, and what steering counts.

    python3 tools/golden/routing.py     (numpy, gguf; no PyTorch)
"""
import json
import math
import pathlib
import random

import numpy as np

import plain
from plain import Router, ranked, route

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
LAYERS = [0, 1, 5]
ROUTERS = {
    "mixtral": Router(8, 2), "qwen3moe": Router(16, 4), "gpt_oss": Router(12, 3),  # softmax over the chosen logits: the same rule
    "olmoe": Router(16, 4, renormalize=False), "deepseek2": Router(16, 4, renormalize=False, scale=1.5, n_group=4, n_group_used=2),
    "deepseek3": Router(16, 4, gate="sigmoid", scale=2.5, n_group=4, n_group_used=2, group_score="best_two"),
    "sigmoid": Router(8, 3, gate="sigmoid"), "scaled": Router(8, 3, scale=0.5),
}
BIASED = ("deepseek3", "gpt_oss")


def rounded(values, digits=7):
    return [float(f"%.{digits}g" % v) for v in values]


def spec(r):
    return {key: getattr(r, key) for key in ("n_expert", "k", "gate", "renormalize", "scale", "n_group", "n_group_used", "group_score")}


def policies(rng, r):
    """(text for rouse, how plain.py has it). Files by the names "plan" and "steer", whose numbers stand in the case."""
    most = r.n_expert // r.n_group * r.n_group_used
    mask = {5: sorted(rng.sample(range(r.n_expert), 2))}
    masked = "+mask:" + ",".join(f"5.{e}" for e in mask[5])
    for k in (1, r.k, min(r.k + 2, most - 2)):
        yield f"topk:{k},anchored", {"kind": "topk", "k": k, "anchored": True}
        yield f"topk:{k},anchored{masked}", {"kind": "topk", "k": k, "anchored": True, "mask": mask}
    impact = [[round(rng.random(), 3) for _ in range(r.n_expert)] for _ in LAYERS]
    budget = [rng.randint(1, r.k + 1) for _ in LAYERS]
    bias = {}
    for l, row in zip(LAYERS, impact):
        scaled = np.array([(x - min(row)) / (max(row) - min(row)) for x in row])
        bias[l] = np.float64(0.3) * scaled
    for anchored in (False, True):
        yield ("plan:plan,lambda=0.3" + ",anchored" * anchored,
               {"kind": "plan", "budget": dict(zip(LAYERS, budget)), "bias": bias, "anchored": anchored,
                "plan": {"impact": impact, "budget": budget}})


def rows(rng):
    cases = []
    for name, r in ROUTERS.items():
        for text, policy in policies(rng, r):
            for _ in range(3):
                layer, position = rng.choice(LAYERS), rng.randrange(100000)
                logits = [round(rng.gauss(0, 2), 4) for _ in range(r.n_expert)]
                bias = [round(rng.uniform(0, 0.3), 4) for _ in range(r.n_expert)] if name in BIASED else []
                use = dict(policy)
                if use["kind"] == "plan":
                    use.update(kind="topk", k=use["budget"][layer])
                ids, weights, margin = route(r, use, logits, layer, position, bias or None)
                if margin < 1e-4:
                    continue
                case = {"router": name, "policy": text, "layer": layer, "position": position, "logits": logits, "bias": bias,
                        "ids": ids, "weights": rounded(weights)}
                for key in ("plan", "difference"):
                    if key in policy:
                        case[key] = policy[key]
                cases.append(case)
    return cases


def logits(rng):
    """Of the last token of a text, under policies that only weights or experts tell from the model's own."""
    cases = []
    for name in ("mixtral", "qwen3moe", "olmoe"):
        model = plain.Model(str(OUT / f"{name}.gguf"))
        k = model.router.k
        policies = [(f"topk:{n},anchored", {"kind": "topk", "k": n, "anchored": True}) for n in (1, k, k + 2, 8)]
        for text, policy in policies:
            for _ in range(2):
                tokens = [rng.randrange(272) for _ in range(24)]
                out, _, margin = model.run(tokens, policy)
                if margin > 1e-4:
                    cases.append({"model": name, "policy": text, "tokens": tokens, "logits": rounded(out[-1], 6)})
    return cases


def main():
    out = {"routers": {name: spec(r) for name, r in ROUTERS.items()}, "rows": rows(random.Random(3)), "logits": logits(random.Random(4))}
    text = "{\n" + ",\n".join(f'"{key}": ' + ("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]"
                              if isinstance(value, list) else json.dumps(value)) for key, value in out.items()) + "\n}\n"
    (OUT / "routing.json").write_text(text)
    print({key: len(value) for key, value in out.items()}, len(text))


main()
