#!/usr/bin/env python3
"""Writes tests/golden: tiny GGUF files and what transformers computes with the same weights.

./dev golden makes the environments and runs this, once under transformers 4.55.4 and once under 5.23 for DeepSeek-V2 and the
newest families. Names of families make those alone.
Router margins use gates, token margins logits.
"""
import json
import pathlib
import random
import sys

import torch
import transformers

import families
import tiny
from reference import Router, Stream, generate

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
N_PROMPT, N_TOKEN = 12, 40


def sequences(model, k, prompts, cases):
    router = Router(model)
    out = []
    for text_policy, strong, weak, alpha, beta in cases:
        for prompt in prompts:
            tokens, margins = generate(model, router, prompt, N_TOKEN, strong, weak, alpha, beta)
            case = {"prompt": prompt, "tokens": tokens, "margins": [round(m, 6) for m in margins]}
            case.update({"weak": text_policy, "alpha": alpha, "beta": beta} if weak else {"routing": text_policy})
            out.append(case)
    return out


def check_router(model, k, text, logits):
    """The plain MoE block of reference.py is transformers' own block."""
    difference = float((Stream(model, Router(model), ("topk", k)).feed(text) - logits).abs().max())
    assert difference < 1e-4, f"the plain MoE block differs from transformers' by {difference}"


def save(name, golden):
    (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(name, len(golden.get("sequences", [])), "sequences")


def make_first():
    """Llama, Mixtral, DeepSeekMoE: every policy."""
    rng = random.Random(7)
    prompts = random_prompts(rng, N_PROMPT)
    for name, make in tiny.MODELS.items():
        model = make()
        tiny.write_gguf(model, name, str(OUT / f"{name}.gguf"))
        # Untouched transformers judge the logits.
        text = [rng.randrange(tiny.N_VOCAB) for _ in range(48)]
        with torch.no_grad():
            logits = model(torch.tensor([text])).logits[0]
        golden = {"tokens": text, "logits": [[round(float(v), 5) for v in logits[i]] for i in (0, 11, 23, 47)],
                  "rows": [0, 11, 23, 47]}
        if name != "llama":
            k = 2 if name == "mixtral" else 3
            check_router(model, k, text, logits)
            cases = [("topk", ("topk", k), None, 0.1, 0.5), ("topk:4", ("topk", 4), None, 0.1, 0.5),
                     ("topk:8", ("topk", 8), None, 0.1, 0.5),  # k = E: the dense sum
                     ("rank:2", ("rank", 2), None, 0.1, 0.5), ("random:1,seed=5", ("random", 5), None, 0.1, 0.5),
                     ("dynamic:0.6", ("dynamic", 0.6), None, 0.1, 0.5)]
            for alpha, beta, weak in ((0.1, 0.5, k), (0.05, 1.0, k), (0.3, 0.25, 1), (0.1, 0.5, 4), (0.01, 0.8, 2)):
                cases.append((f"rank:{weak}", ("topk", k), ("rank", weak), alpha, beta))
            golden["sequences"] = sequences(model, k, prompts, cases)
        save(name, golden)


def make_families(table, only=()):
    """The other families: logits and chosen experts over 300 tokens; sequences of two."""
    for seed, (name, (arch, make)) in enumerate(table.items()):
        if only and name not in only:
            continue
        rng = random.Random(seed)
        model = families.randomize(make(), 100 + (0 if name.startswith("deepseek2_plain") else seed))
        families.write_gguf(model, name, arch, str(OUT / f"{name}.gguf"))
        text = [rng.randrange(tiny.N_VOCAB) for _ in range(300)]
        choices = families.Choices(model)
        with torch.no_grad():
            logits = model(torch.tensor([text])).logits[0]
        rows = [0, 22, 30, 99, 130, 299]
        golden = {"tokens": text, "rows": rows, "logits": [[round(float(v), 5) for v in logits[i]] for i in rows],
                  "experts": [ids for ids, _ in choices.rows], "gaps": [gap for _, gap in choices.rows]}
        if name in ("qwen3moe", "gpt_oss"):
            k = model.config.num_experts_per_tok
            check_router(model, k, text[:48], logits[:48])
            cases = [("topk", ("topk", k), None, 0.1, 0.5), ("topk:5", ("topk", 5), None, 0.1, 0.5),
                     ("rank:2", ("rank", 2), None, 0.1, 0.5), (f"rank:{k}", ("topk", k), ("rank", k), 0.1, 0.5),
                     ("rank:1", ("topk", k), ("rank", 1), 0.05, 1.0), ("rank:4", ("topk", k), ("rank", 4), 0.3, 0.25)]
            golden["sequences"] = sequences(model, k, random_prompts(rng, 6), cases)
        save(name, golden)


def random_prompts(rng, n):
    return [[tiny.N_VOCAB - 1] + [rng.randrange(tiny.N_VOCAB - 1) for _ in range(rng.randint(3, 14))] for _ in range(n)]


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    if transformers.__version__.startswith("5."):
        make_families(families.FAMILIES_5, sys.argv[1:])
    else:
        if not sys.argv[1:]:
            make_first()
        make_families(families.FAMILIES, sys.argv[1:])


if __name__ == "__main__":
    main()
