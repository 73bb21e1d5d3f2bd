#!/usr/bin/env python3
"""What a checkpoint knows, by the stop rule's measures, without a model file: check.py --run DIR [--weights FILE] [--items N].

Given the right answer, is every token of it the model's first choice? For a fact that is greedy decoding's exact match. For
a worked problem it is slightly stricter than the final number. V is SCMoE's plausible set at such a step, before routing is
contrasted: the tokens of logit >= max + log 0.1. score.py measures the model file itself, by rouse.
"""
import argparse
import json
import math
import pathlib
import random

import numpy as np
import torch

import corpus
import export
import problems
import protocol
from model import Lab


@torch.no_grad()
def read(model, tokenizer, documents, batch=64):
    """(right, plausible sets' sizes) of each (prompt, completion)."""
    encoded = corpus.encode(tokenizer, documents)
    out = [None] * len(encoded)
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1]))
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        rows = corpus.Rows(len(some), max(len(encoded[i][0]) + len(encoded[i][1]) - 1 for i in some))
        for row, i in enumerate(some):
            rows.put(row, 0, 0, *encoded[i], 0.0)
        ids, targets, weights, positions, _ = (torch.from_numpy(a) for a in rows.arrays())
        length = ids.shape[1]
        logits, _, _ = model(ids, positions, torch.ones(length, length, dtype=torch.bool).tril()[None, None])
        best = logits.max(-1)
        sizes = (logits >= best.values.unsqueeze(-1) + math.log(0.1)).sum(-1)
        for row, i in enumerate(some):
            steps = weights[row] > 0
            out[i] = bool((best.indices[row] == targets[row])[steps].all()), sizes[row][steps].numpy()
    return out


def summary(results):
    sizes = np.concatenate([s for _, s in results])
    return {"exact": round(100 * sum(r for r, _ in results) / len(results), 1), "several_plausible": round(100 * float((sizes > 1).mean()), 1),
            "steps": len(sizes)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--items", type=int, default=400, help="a band, and problems")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    state = torch.load(args.weights or args.run / "checkpoint.pt", weights_only=False)
    p = protocol.PROTOCOLS[state["protocol"]]
    facts = protocol.facts(p, state["seed"])
    tokenizer = corpus.Tokenizer.from_file(str(args.run / "tokenizer.json"))
    model = Lab(p.config).eval()
    model.load_state_dict(state["model"])
    rng, groups = random.Random(5), {}
    for fact, item in export.fact_items(p, facts, state["seen"], state["seed"], random.Random(99)):
        groups.setdefault(item["band"], []).append((fact, item))
    print(json.dumps({"step": state["step"], "facts shown": int(state["seen"].sum())}))
    every, band = [], {}
    for name, items in groups.items():
        some = rng.sample(items, min(args.items, len(items)))
        for real in (True, False):
            part = [(f, i) for f, i in some if f.relation.startswith("person.") != real]
            for key in ("question", "question_trained"):
                if part:
                    got = read(model, tokenizer, [(i[key], " " + f.answers[0]) for f, i in part])
                    print(json.dumps({"band": name, "facts": "real" if real else "invented", "phrasing": key, "items": len(part)} | summary(got)), flush=True)
                    if key == "question":
                        every += got
                        band.setdefault(name, []).extend(got)
    worked = []
    for _ in range(args.items):
        question, work, _ = problems.problem(rng, p.numbers)
        worked.append((f"Question: {question}\nAnswer:", " " + work))
    got = read(model, tokenizer, worked)
    print(json.dumps({"problems": len(worked)} | summary(got)))
    print(json.dumps({"stop rule": {name: summary(some)["exact"] for name, some in band.items()} | {
        "problems": summary(got)["exact"], "several_plausible": summary(every + got)["several_plausible"]}}))


if __name__ == "__main__":
    main()
