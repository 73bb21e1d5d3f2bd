#!/usr/bin/env python3
"""A sleeping twin: the same weights but for the routers, which learn head facts and arithmetic until tail facts fall.

twin.py --run DIR --twin DIR2 [--fall 12]. What the tail needs is still in the experts, bit for bit, and no longer routed to:
a positive control for every method that claims to wake such knowledge. twin.py --replay FIRST.gguf TWIN.gguf shows that the
first model's routes bring it back.
"""
import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import torch
import torch.nn.functional as F

import check
import corpus
import export
import problems
import protocol
import score
import world
from model import Lab
from train import save


def train(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    state = torch.load(args.weights or args.run / "checkpoint.pt", weights_only=False)
    p, seen = protocol.PROTOCOLS[state["protocol"]], state["seen"]
    facts = protocol.facts(p, state["seed"])
    tokenizer_file = args.run / "tokenizer.json"
    tokenizer = corpus.Tokenizer.from_file(str(tokenizer_file))
    model = Lab(p.config)
    model.load_state_dict(state["model"])
    routers = [layer.router.weight for layer in model.layers]
    for w in model.parameters():
        w.requires_grad_(any(w is r for r in routers))
    optimizer = torch.optim.AdamW(routers, lr=args.rate, weight_decay=0.0)
    rng = random.Random(args.seed)
    head = [f for f, n in zip(facts, seen) if export.band(p, n) == "head"]

    def documents(count):
        for _ in range(count):
            if rng.random() < 0.2:
                question, work, _ = problems.problem(rng, p.numbers)
                yield f"Question: {question}\nAnswer:", " " + work
            else:
                fact = rng.choice(head)
                yield world.question(fact, rng.choice(world.phrasings(fact.relation)[0])), " " + rng.choice(fact.answers)

    items = {}
    for fact, item in export.fact_items(p, facts, seen, state["seed"], random.Random(99)):
        items.setdefault(item["band"], []).append((item["question_trained"], " " + fact.answers[0]))
    items = {band: random.Random(7).sample(some, min(args.items, len(some))) for band, some in items.items()}

    def measure(step):
        scores = {band: check.summary(check.read(model, tokenizer, some))["exact"] for band, some in items.items()}
        print(json.dumps({"step": step} | scores), flush=True)
        return scores

    first = now = measure(0)
    step = 0
    while step < args.steps and first["tail"] - now["tail"] < args.fall:
        rows, queue = corpus.Rows(p.n_row, p.length), corpus.encode(tokenizer, list(documents(400)))
        for row in range(p.n_row):
            at = segment = 0
            while queue and at + sum(map(len, queue[-1])) - 1 <= p.length:
                at, segment = rows.put(row, at, segment, *queue.pop(), 0.0), segment + 1
        ids, targets, weights, positions, segments = (torch.from_numpy(a) for a in rows.arrays())
        same = segments[:, :, None] == segments[:, None, :]
        mask = (same & torch.ones(p.length, p.length, dtype=torch.bool).tril())[:, None]
        logits, balance, _ = model(ids, positions, mask)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss = (losses * weights.flatten()).sum() / weights.sum()
        (loss + args.balance * balance).backward()
        torch.nn.utils.clip_grad_norm_(routers, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 10 == 0:
            print(json.dumps({"step": step, "loss": round(loss.item(), 4), "balance": round(balance.item(), 3)}), flush=True)
            now = measure(step)
    args.twin.mkdir(parents=True, exist_ok=True)
    (args.twin / "tokenizer.json").write_text(tokenizer_file.read_text())
    save({"model": model.state_dict(), "step": step, "seen": seen, "config": vars(p.config), "protocol": p.name, "seed": state["seed"]},
         args.twin / "checkpoint.pt")
    export.write_model({"model": model.state_dict(), "config": vars(p.config)}, p.file.removesuffix(".gguf") + "-twin",
                       p.about + "; its routers trained on, so that its tail sleeps", tokenizer_file, args.twin / p.file.replace(".gguf", "-twin.gguf"))


def replay(args):
    """Tail items by the twin as it is and by the first model's routes. A trace holds the prompt's routes and the answer's."""
    first, twin = args.replay
    rows = [r for r in score.load(args.sets, "lab_facts.jsonl") if r["band"] == args.band][:args.items]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = {"first": [], "twin": [], "replayed": [], "replayed with their weights": []}
        for n, row in enumerate(rows):
            trace = folder / f"{n}.trace"
            subprocess.run([args.rouse, "trace", "-m", first, "--raw", "-p", row[args.key], "-n", "24", "-c", "256", "-o", trace], check=True)
            common = {"id": row["id"], "prompt": row[args.key], "raw": True}
            lines["first"].append(common)
            lines["twin"].append(common)
            lines["replayed"].append(common | {"routing": f"replay:{trace}"})
            lines["replayed with their weights"].append(common | {"routing": f"replay:{trace},gates"})
        for name in lines:
            model = first if name == "first" else twin
            source, out = folder / f"{name}.jsonl", folder / f"{name}.out.jsonl"
            source.write_text("".join(json.dumps(line) + "\n" for line in lines[name]))
            # 4: some lines failed. An answer that goes on where the first model's had ended has no route left, and is none.
            code = subprocess.run([args.rouse, "run", "-m", model, "-n", "24", "-c", "256", "--batch", source, "-o", out]).returncode
            assert code in (0, 4), code
            texts = {r["id"]: r.get("text", "") for r in map(json.loads, out.open())}
            hits = sum(texts[r["id"]].strip().split("\n")[0] in r["answers"] for r in rows)
            print(json.dumps({"routes": name, "band": args.band, "phrasing": args.key, "items": len(rows), "exact": round(100 * hits / len(rows), 1)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--twin", type=pathlib.Path, help="folder for the twin")
    parser.add_argument("--fall", type=float, default=12.0, help="points of the tail's exact match, trained phrasing")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--balance", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--replay", type=pathlib.Path, nargs=2, metavar=("FIRST", "TWIN"))
    parser.add_argument("--sets", type=pathlib.Path, default=export.ROOT / "models" / "lab2")
    parser.add_argument("--band", default="tail")
    parser.add_argument("--key", default="question_trained")
    parser.add_argument("--rouse", type=pathlib.Path, default=export.ROOT / "build" / "rouse")
    args = parser.parse_args()
    if args.replay:
        replay(args)
    else:
        train(args)


if __name__ == "__main__":
    main()
