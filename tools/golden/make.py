#!/usr/bin/env python3
"""Writes tests/golden: tiny GGUF files and what transformers 4.55.4 computes with the same weights.

./dev golden makes the environment and runs this. Router margins use gates, token margins logits.
"""
import json
import pathlib
import random

import torch

import tiny
from reference import Router, Stream, generate

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
N_PROMPT, N_TOKEN = 12, 40


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    rng = random.Random(7)
    prompts = [[tiny.N_VOCAB - 1] + [rng.randrange(tiny.N_VOCAB - 1) for _ in range(rng.randint(3, 14))] for _ in range(N_PROMPT)]
    for name, make in tiny.MODELS.items():
        model = make()
        tiny.write_gguf(model, name, str(OUT / f"{name}.gguf"))
        # Untouched transformers judge the logits.
        text = [rng.randrange(tiny.N_VOCAB) for _ in range(48)]
        with torch.no_grad():
            logits = model(torch.tensor([text])).logits[0]
        golden = {"tokens": text, "logits": [[round(float(v), 5) for v in logits[i]] for i in (0, 11, 23, 47)],
                  "rows": [0, 11, 23, 47], "sequences": []}
        if name != "llama":
            router = Router(model)
            k = 2 if name == "mixtral" else 3
            router_logits = Stream(model, router, ("topk", k)).feed(text)
            assert float((router_logits - logits).abs().max()) < 1e-4, "the plain MoE block differs from transformers'"
            cases = [("topk", ("topk", k), None, 0.1, 0.5), ("topk:4", ("topk", 4), None, 0.1, 0.5),
                     ("topk:8", ("topk", 8), None, 0.1, 0.5),  # k = E: the dense sum
                     ("rank:2", ("rank", 2), None, 0.1, 0.5), ("random:1,seed=5", ("random", 5), None, 0.1, 0.5),
                     ("dynamic:0.6", ("dynamic", 0.6), None, 0.1, 0.5)]
            for alpha, beta, weak in ((0.1, 0.5, k), (0.05, 1.0, k), (0.3, 0.25, 1), (0.1, 0.5, 4), (0.01, 0.8, 2)):
                cases.append((f"rank:{weak}", ("topk", k), ("rank", weak), alpha, beta))
            for text_policy, strong, weak, alpha, beta in cases:
                for p, prompt in enumerate(prompts):
                    tokens, margins = generate(model, router, prompt, N_TOKEN, strong, weak, alpha, beta)
                    case = {"prompt": prompt, "tokens": tokens, "margins": [round(m, 6) for m in margins]}
                    case.update({"weak": text_policy, "alpha": alpha, "beta": beta} if weak else {"routing": text_policy})
                    golden["sequences"].append(case)
        (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, len(golden["sequences"]), "sequences")


if __name__ == "__main__":
    main()
