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


def pushed(r, difference, n):
    """The n experts with the largest |difference| over all layers, at most k of a layer upwards: {layer: [E] of 1, -1, 0}."""
    order = sorted(((abs(d), -l, -e) for l, row in enumerate(difference) for e, d in enumerate(row) if d != 0), reverse=True)
    push, left = {l: [0] * r.n_expert for l in LAYERS}, n
    for _, l, e in order:
        row, up = push[LAYERS[-l]], difference[-l][-e] > 0
        if left and not (up and row.count(1) >= r.k):
            row[-e], left = 1 if up else -1, left - 1
    return push


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
    for keep, pool, temp in ((0, most - 2, 0.5), (1, min(r.k + 1, most - 3), 1.0), (r.k - 1, 3, 2.0)):
        explore = {"kind": "explore", "k": r.k, "keep": keep, "pool": pool, "temp": temp, "seed": rng.randrange(1000)}
        text = f"explore:{r.k},keep={keep},pool={pool},temp={temp},seed={explore['seed']}"
        yield text, explore
        yield text + masked, {**explore, "mask": mask}
    difference = [[round(rng.uniform(-1, 1), 3) for _ in range(r.n_expert)] for _ in LAYERS]
    for n, strength in ((3, 1.0), (8, -1.0), (8, 0.5)):
        steer = {"push": pushed(r, difference, n), "strength": strength, "difference": difference}
        text = f"+steer:steer,n={n},strength={strength:g}"
        yield f"topk:{r.k}{text}", {"kind": "topk", "k": r.k, **steer}
        yield f"topk:{r.k + 1},anchored{text}{masked}", {"kind": "topk", "k": r.k + 1, "anchored": True, "mask": mask, **steer}
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
        policies += [("explore:2,keep=1,pool=4,temp=1,seed=5",
                      {"kind": "explore", "k": 2, "keep": 1, "pool": 4, "temp": 1.0, "seed": 5})]
        for text, policy in policies:
            for _ in range(2):
                tokens = [rng.randrange(272) for _ in range(24)]
                out, _, margin = model.run(tokens, policy)
                if margin > 1e-4:
                    cases.append({"model": name, "policy": text, "tokens": tokens, "logits": rounded(out[-1], 6)})
    return cases


def texts(rng):
    """Greedy texts of roe: the mean of the logits of a route of the model's own and of noisy ones, each with its own whole text."""
    cases = []
    for name in ("mixtral", "qwen3moe", "olmoe"):
        model = plain.Model(str(OUT / f"{name}.gguf"))
        k = model.router.k
        for routes, temp in ((3, 0.5), (4, 1.0)):
            policies = [{"kind": "topk", "k": k}]
            policies += [{"kind": "explore", "k": k, "keep": 0, "pool": 8, "temp": temp, "seed": i} for i in range(1, routes)]
            prompt, tokens, margins = [271] + [rng.randrange(271) for _ in range(8)], [], []
            for _ in range(24):
                runs = [model.run(prompt + tokens, p) for p in policies]
                mean = np.mean([out[-1] for out, _, _ in runs], axis=0)
                best = np.sort(mean)[::-1]
                margins.append(min([m for _, _, m in runs] + [best[0] - best[1]]))
                tokens.append(int(mean.argmax()))
            options = {"routes": routes, "route_policy": f"explore:{k},keep=0,pool=8,temp={temp:g}"}
            cases.append({"model": name, "options": options, "prompt": prompt, "tokens": tokens, "margins": rounded(margins, 4)})
    return cases


def steering(rng):
    """How much oftener each expert is activated in the second half of some texts than in that of others."""
    model = plain.Model(str(OUT / "mixtral.gguf"))
    kinds, rates = [[[rng.randrange(low, low + 128) for _ in range(16)] for _ in range(4)] for low in (0, 128)], []
    margin = math.inf
    for kind in kinds:
        used = np.zeros((model.n_layer, model.router.n_expert))
        for tokens in kind:
            _, experts, m = model.run(tokens, {"kind": "topk", "k": model.router.k})
            margin = min(margin, m)
            for row in experts[8:]:
                for l, chosen in enumerate(row):
                    used[l][chosen] += 1
        rates.append(used / (8 * len(kind)))
    assert margin > 1e-5
    return {"wanted": kinds[0], "unwanted": kinds[1], "first": 8, "difference": (rates[0] - rates[1]).tolist()}


def main():
    out = {"routers": {name: spec(r) for name, r in ROUTERS.items()}, "rows": rows(random.Random(3)), "logits": logits(random.Random(4)),
           "texts": texts(random.Random(5)), "steering": steering(random.Random(9))}
    text = "{\n" + ",\n".join(f'"{key}": ' + ("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]"
                              if isinstance(value, list) else json.dumps(value)) for key, value in out.items()) + "\n}\n"
    (OUT / "routing.json").write_text(text)
    print({key: len(value) for key, value in out.items()}, len(text))


main()
