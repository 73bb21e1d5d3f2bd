#!/usr/bin/env python3
"""Text to calibrate a lab model with: calibration_text.py OUT.jsonl [--model lab-1] [--part 0] [--facts 400] [--problems 100] [--answers].

Facts in trained phrasings and worked word problems, none of them in the evaluation sets. Parts 0 and 1 share no fact and
no problem. A third of the facts comes from each band of training frequency. With --answers a question is the record's prompt, which
nobody scores: models/lab/lab_text.jsonl and models/lab2/lab_text.jsonl are --answers --facts 600 --problems 120 --seed 5.
"""
import argparse
import csv
import gzip
import json
import pathlib
import random

import problems

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
HEAD_MIDDLE = {"lab-1": (100, 10), "lab-2": (64, 8)}  # as in protocol.py, which needs PyTorch; this script needs nothing


def band(count, head, middle):
    return "head" if count >= head else "middle" if count >= middle else "tail" if count > 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--model", default="lab-1", choices=sorted(HEAD_MIDDLE))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=int, default=0, choices=(0, 1))
    parser.add_argument("--facts", type=int, default=400)
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--answers", action="store_true")
    args = parser.parse_args()
    sets, bounds = MODELS / {"lab-1": "lab", "lab-2": "lab2"}[args.model], HEAD_MIDDLE[args.model]
    numbers = problems.EASY if args.model == "lab-1" else problems.HARD
    rng = random.Random(args.seed)
    held_out, phrasings = set(), {}
    for name in ("lab_facts", "lab_contrast"):
        plain = sets / f"{name}.jsonl"
        for row in map(json.loads, plain.open() if plain.exists() else gzip.open(f"{plain}.gz", "rt")):
            fact_id = row["id"].split("#")[0]  # a second item of a fact ends in #2
            held_out.add(fact_id)
            subject = fact_id.split(":", 1)[1]
            if row["question_trained"].count(subject) == 1:
                phrasings.setdefault(row["relation"], set()).add(row["question_trained"].replace(subject, "{}"))
    facts = {"head": [], "middle": [], "tail": []}
    with gzip.open(sets / "lab_world.tsv.gz", "rt") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            relation = row["id"].split(":", 1)[0]
            if row["id"] not in held_out and relation in phrasings and band(int(row["train_count"]), *bounds):
                facts[band(int(row["train_count"]), *bounds)].append(row)
    texts = []
    for rows in facts.values():
        rng.shuffle(rows)
        half = [r for i, r in enumerate(rows) if i % 2 == args.part]
        for row in half[:args.facts // 3]:
            relation, subject = row["id"].split(":", 1)
            question = rng.choice(sorted(phrasings[relation])).replace("{}", subject)
            texts.append(f"{question} {row['answers'].split('|')[0]}")
    own = random.Random(2 * args.seed + args.part)
    known = {row["question"] for row in map(json.loads, (sets / "lab_arithmetic.jsonl").open())}
    while args.problems and len(texts) < 3 * (args.facts // 3) + args.problems:
        question, work, _ = problems.problem(own, numbers)
        if f"Question: {question}\nAnswer:" not in known:
            texts.append(f"Question: {question}\nAnswer: {work}")
    rng.shuffle(texts)
    records = [{"text": t} for t in texts]
    if args.answers:
        cuts = [t.rindex("\nAnswer:") + len("\nAnswer:") for t in texts]
        records = [{"prompt": t[:cut], "text": t[cut:]} for t, cut in zip(texts, cuts)]
    pathlib.Path(args.output).write_text("".join(json.dumps(r) + "\n" for r in records))


if __name__ == "__main__":
    main()
