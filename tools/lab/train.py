#!/usr/bin/env python3
"""Trains rouse-lab on CPU and writes a checkpoint: train.py --out DIR [--steps N] [--seed S]; resumes from DIR."""
import argparse
import json
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import corpus
import world
from model import Config, Lab


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--stop", type=int, help="end early, at this step of the schedule: the tail is learned last")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--length", type=int, default=192)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--balance", type=float, default=0.01)
    parser.add_argument("--prompt-weight", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    facts = world.facts()
    print(f"{len(facts)} facts", flush=True)
    tokenizer_file = args.out / "tokenizer.json"
    if not tokenizer_file.exists():
        corpus.train_tokenizer(facts, args.seed).save(str(tokenizer_file))
    tokenizer = corpus.Tokenizer.from_file(str(tokenizer_file))
    documents = corpus.Documents(facts, args.seed)
    config = Config(n_vocab=tokenizer.get_vocab_size())
    model = Lab(config)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {config}", flush=True)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
                                  lr=args.rate, betas=(0.9, 0.95), fused=True)
    step = 0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        documents.rng.setstate(state["rng"])
        documents.seen = state["seen"]
        print(f"resumed at step {step}", flush=True)

    started, tokens = time.time(), 0
    last = min(args.steps, args.stop or args.steps)
    while step < last:
        warm = min(1.0, (step + 1) / 100)
        decay = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * warm * decay
        ids, targets, weights, positions, segments = (
            torch.from_numpy(a) for a in corpus.rows(documents, tokenizer, args.rows, args.length, args.prompt_weight))
        same = segments[:, :, None] == segments[:, None, :]
        mask = (same & torch.ones(args.length, args.length, dtype=torch.bool).tril())[:, None]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, balance, counts = model(ids, positions, mask, torch.bfloat16)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss = (losses * weights.flatten()).sum() / weights.sum()
        (loss + args.balance * balance).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens += int((segments >= 0).sum())
        if step % 20 == 0:
            share = counts.float() / counts.sum(-1, keepdim=True) * config.n_expert
            seconds = time.time() - started
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "balance": round(balance.item(), 3),
                              "least_used": round(share.min().item(), 2), "most_used": round(share.max().item(), 2),
                              "norm": round(float(norm), 2), "tok_s": round(tokens / seconds), "s": round(seconds)}), flush=True)
        if step % args.save_every == 0 or step == last:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step,
                        "rng": documents.rng.getstate(), "seen": documents.seen, "config": vars(config)},
                       args.out / "checkpoint.tmp")
            (args.out / "checkpoint.tmp").rename(checkpoint)
    np.save(args.out / "seen.npy", documents.seen)


if __name__ == "__main__":
    main()
