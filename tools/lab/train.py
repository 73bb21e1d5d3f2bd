#!/usr/bin/env python3
"""Trains a lab model on CPU and writes a checkpoint: train.py --model lab-2 --out DIR [--stop N]; resumes from DIR."""
import argparse
import json
import math
import os
import pathlib
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # on a busy machine a thread that spins at a barrier only keeps others out

import numpy as np
import torch
import torch.nn.functional as F

import corpus
import protocol
from model import Lab


def save(state, path):
    """In one piece: a killed training leaves the last checkpoint whole."""
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lab-2", choices=sorted(protocol.PROTOCOLS))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--stop", type=int, help="end early, at this step of the schedule: the tail is learned last")
    parser.add_argument("--balance", type=float, default=0.01)
    parser.add_argument("--prompt-weight", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=int, default=50)
    parser.add_argument("--keep-every", type=int, default=200, help="weights kept at every such step, to score and to choose from")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    p = protocol.PROTOCOLS[args.model]
    facts = protocol.facts(p, args.seed)
    tokenizer_file = args.out / "tokenizer.json"
    if not tokenizer_file.exists():
        texts = (corpus.Schedule if p.zipf else corpus.Stream).texts(p, facts, args.seed)
        corpus.train_tokenizer(texts).save(str(tokenizer_file))
    tokenizer = corpus.Tokenizer.from_file(str(tokenizer_file))
    source = protocol.source(p, facts, tokenizer, args.seed)
    assert tokenizer.get_vocab_size() == p.config.n_vocab
    model = Lab(p.config)
    print(f"{len(facts)} facts, {source.n_step} steps, {sum(w.numel() for w in model.parameters()) / 1e6:.2f} M parameters, {p.config}", flush=True)
    matrices = [w for w in model.parameters() if w.dim() > 1]
    others = [w for w in model.parameters() if w.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
                                  lr=p.rate, betas=(0.9, 0.95), fused=True)
    step = 0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        source.restore(state)
        print(f"resumed at step {step}", flush=True)

    # Only some processors multiply BF16 faster than F32; on the others it is emulated, at a thirtieth of the speed.
    dtype = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    started, used, tokens = time.time(), time.process_time(), 0
    last = min(source.n_step, args.stop or source.n_step)
    while step < last:
        warm = min(1.0, (step + 1) / 100)
        decay = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / source.n_step))
        for group in optimizer.param_groups:
            group["lr"] = p.rate * warm * decay
        ids, targets, weights, positions, segments = (torch.from_numpy(a) for a in source.rows(step, args.prompt_weight))
        same = segments[:, :, None] == segments[:, None, :]
        mask = (same & torch.ones(p.length, p.length, dtype=torch.bool).tril())[:, None]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits, balance, counts = model(ids, positions, mask, dtype)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss = (losses * weights.flatten()).sum() / weights.sum()
        (loss + args.balance * balance).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        tokens += int((segments >= 0).sum())
        if step % 10 == 0:
            share = counts.float() / counts.sum(-1, keepdim=True) * p.config.n_expert
            seconds, cpu = time.time() - started, time.process_time() - used
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "balance": round(balance.item(), 3),
                              "least_used": round(share.min().item(), 2), "most_used": round(share.max().item(), 2),
                              "norm": round(float(norm), 2), "tok_s": round(tokens / seconds), "tok_cpu_s": round(tokens / cpu),
                              "s": round(seconds)}), flush=True)
        whole = {"model": model.state_dict(), "step": step, "seen": source.seen(step) if step == last or step % args.save_every == 0 else None,
                 "config": vars(p.config), "protocol": p.name, "seed": args.seed}
        if step % args.keep_every == 0 or step == last:
            save(whole | source.state(), args.out / f"weights-{step}.pt")
        if step % args.save_every == 0 or step == last:
            save(whole | source.state() | {"optimizer": optimizer.state_dict()}, checkpoint)
    np.save(args.out / "seen.npy", source.seen(step))


if __name__ == "__main__":
    main()
