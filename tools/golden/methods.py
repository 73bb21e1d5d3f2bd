#!/usr/bin/env python3
"""Writes tests/golden/methods.json: decoding methods by transformers' own generate() and by plain references.

DoLa, contrastive search and beam search are transformers 4.55.4's; the SCMoE authors' variant of DoLa and contrastive
decoding are written out below. Every token has the margin of its decision, choices of layers and candidates included.
"""
import json
import math
import random

import torch
import torch.nn.functional as F
import transformers
from transformers.generation import utils

import families
import tiny
from make import OUT, random_prompts

N_TOKEN = 32


class Margins:
    """Records how clear transformers' own decisions inside a step were."""

    def __init__(self):
        self.layer, self.score, self.steps = math.inf, math.inf, []
        select, ranking = utils._dola_select_contrast, utils._ranking_fast

        def watched_select(layers, premature, mature):
            if len(layers) > 1:
                p = F.softmax(mature, -1)
                found = sorted(float(divergence(p, F.softmax(premature[i], -1))) for i in layers)
                self.layer = (found[-1] - found[-2]) / found[-1]
            floor = F.log_softmax(mature, -1).max() + math.log(0.1)
            self.layer = min(self.layer, float((F.log_softmax(mature, -1) - floor).abs().min()))
            return select(layers, premature, mature)

        def watched_ranking(context, following, p, mask, alpha, width):
            norm = context / context.norm(dim=2, keepdim=True)
            cosine = (norm @ (following / following.norm(dim=2, keepdim=True)).transpose(1, 2)).squeeze(-1)
            best = torch.topk((1 - alpha) * p.view(-1) - alpha * cosine.max(-1).values, 2).values
            self.steps.append(float(best[0] - best[1]))
            return ranking(context, following, p, mask, alpha, width)

        utils._dola_select_contrast, utils._ranking_fast = watched_select, watched_ranking


def divergence(p, q):
    m = (p + q) / 2
    return 0.5 * ((m * (m.log() - p.log())).sum() + (m * (m.log() - q.log())).sum())


def generate(model, prompt, **options):
    """transformers' own; the mask is said, or it would take token 0 for padding."""
    ids = torch.tensor([prompt])
    return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=N_TOKEN, **options)


def top_gap(scores, n=1):
    best = torch.topk(scores, n + 1).values
    return float(best[n - 1] - best[n])


def follow(model, prompt, tokens):
    """Logits and hidden states of every step of a text."""
    with torch.no_grad():
        out = model(torch.tensor([prompt + tokens[:-1]]), output_hidden_states=True)
    first = len(prompt) - 1
    return out.logits[0, first:].float(), [h[0, first:] for h in out.hidden_states]


def dola(model, margins, prompt, layers, penalty=1.0):
    steps = []

    def watch(ids, scores):  # after the penalty, which is part of the processor list
        steps.append(min(margins.layer, top_gap(scores[0])) if torch.isfinite(scores[0]).sum() > 1 else margins.layer)
        margins.layer = math.inf
        return scores

    out = generate(model, prompt, do_sample=False, dola_layers=layers, repetition_penalty=penalty, logits_processor=[watch])
    tokens = out[0, len(prompt):].tolist()
    return tokens, steps


def dola_of_scmoe(model, prompt, layers):
    """The SCMoE authors' code: no final norm, relative top 0.1, penalty 1.2 after the contrast over the whole history."""
    tokens, steps = [], []
    for _ in range(N_TOKEN):
        logits, hidden = follow(model, prompt, tokens + [0])
        mature = F.log_softmax(logits[-1], -1)
        found = {i: F.log_softmax(model.lm_head(hidden[i][-1]).float(), -1) for i in layers}
        by = sorted(layers, key=lambda i: float(divergence(mature.exp(), found[i].exp())))
        d = [float(divergence(mature.exp(), found[i].exp())) for i in by]
        z = mature - found[by[-1]]
        seen = list(set(prompt + tokens))
        z[seen] = torch.where(z[seen] < 0, z[seen] * 1.2, z[seen] / 1.2)
        floor = mature.max() + math.log(0.1)
        kept = mature >= floor
        z[~kept] = -math.inf
        gap = top_gap(z) if kept.sum() > 1 else math.inf
        steps.append(min(gap, float((mature - floor).abs().min()), (d[-1] - d[-2]) / d[-1] if len(d) > 1 else math.inf))
        tokens.append(int(z.argmax()))
    return tokens, steps


def contrastive(model, margins, prompt, alpha, k):
    margins.steps = []
    out = generate(model, prompt, penalty_alpha=alpha, top_k=k, output_scores=True, return_dict_in_generate=True)
    tokens = out.sequences[0, len(prompt):].tolist()
    gaps = [top_gap(F.softmax(s[0], -1), k) * 100 for s in out.scores]  # probabilities: 1e-5 is clear enough
    return tokens, [min(a, b) for a, b in zip(margins.steps, gaps)]


def beam(model, prompt, beams, penalty):
    end = tiny.N_VOCAB - 1
    out = generate(model, prompt, num_beams=beams, do_sample=False, early_stopping=False, length_penalty=penalty,
                   num_return_sequences=2, output_scores=True, return_dict_in_generate=True, eos_token_id=end)
    tokens = out.sequences[0, len(prompt):].tolist()
    if end in tokens:
        tokens = tokens[:tokens.index(end) + 1]  # the rest fills up the batch
    gap = float(out.sequences_scores[0] - out.sequences_scores[1])  # log-probs a token: 1e-4 is clear enough
    return tokens, [10 * gap] * len(tokens)


def contrastive_decoding(expert, amateur, prompt, alpha, beta):
    tokens, steps = [], []
    for _ in range(N_TOKEN):
        s, w = follow(expert, prompt, tokens + [0])[0][-1], follow(amateur, prompt, tokens + [0])[0][-1]
        floor = s.max() + math.log(alpha)
        z = torch.where(s >= floor, (1 + beta) * s - beta * w, -math.inf)
        steps.append(min(float((s - floor).abs().min()), top_gap(z) if (s >= floor).sum() > 1 else math.inf))
        tokens.append(int(z.argmax()))
    return tokens, steps


def main():
    assert transformers.__version__ == "4.55.4"
    torch.manual_seed(0)
    torch.set_num_threads(1)
    margins, rng, golden = Margins(), random.Random(11), []
    amateur = tiny.llama()
    models = {"mixtral": tiny.mixtral()}
    for seed, (name, (_, make)) in enumerate(families.FAMILIES.items()):
        if name in ("qwen3moe", "olmoe"):
            models[name] = families.randomize(make(), 100 + seed)
    for name, model in models.items():
        model.generation_config.eos_token_id = None
        model.generation_config.pad_token_id = 0

        def add(options, result, prompt):
            tokens, steps = result
            golden.append({"model": name, "options": options, "prompt": prompt, "tokens": tokens,
                           "margins": [round(min(m, 9.0), 6) for m in steps]})

        for prompt in random_prompts(rng, 4):
            for layers in ("high", "low", [0, 1, 2]):
                text = layers if isinstance(layers, str) else ",".join(map(str, layers))
                add({"method": "dola", "dola_layers": text}, dola(model, margins, prompt, layers), prompt)
            add({"method": "dola", "dola_layers": "0,1,2", "dola_variant": "scmoe"}, dola_of_scmoe(model, prompt, [0, 1, 2]),
                prompt)
            for alpha, k in ((0.6, 5), (0.3, 3)):
                add({"method": "contrastive", "penalty_alpha": alpha, "candidates": k},
                    contrastive(model, margins, prompt, alpha, k), prompt)
            for beams, penalty in ((4, 1.0), (3, 0.5)):
                add({"method": "beam", "beams": beams, "length_penalty": penalty}, beam(model, prompt, beams, penalty), prompt)
            for alpha, beta in ((0.1, 0.5), (0.05, 1.0)):
                add({"method": "cd", "amateur": "llama.gguf", "alpha": alpha, "beta": beta},
                    contrastive_decoding(model, amateur, prompt, alpha, beta), prompt)
    (OUT / "methods.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    clear = sum(m > 1e-3 for g in golden for m in g["margins"])
    print(len(golden), "texts,", clear, "clear decisions of", sum(len(g["margins"]) for g in golden))


if __name__ == "__main__":
    main()
