#!/usr/bin/env python3
"""Scores a lab model on its own sets with rouse itself: score.py [--model lab-2] [--with "scmoe weak=rank:3"] ...

--file and --sets take another model file (a checkpoint's, the twin's) and other sets; --limit only so many items a band.

Facts: exact match of the first line, on held-out and on trained phrasings, by how often training showed the fact.
Problems: the number after "The answer is". Intervals are Wilson's, 95%.
"""
import argparse
import gzip
import json
import math
import pathlib
import re
import subprocess
import tempfile

import protocol

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("greedy", "scmoe")


def wilson(hits, n):
    if n == 0:
        return 0.0, 0.0, 0.0
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return 100 * p, 100 * (middle - half) / (1 + z * z / n), 100 * (middle + half) / (1 + z * z / n)


def answer(rouse, model, items, variant):
    """id -> text. variant: "METHOD|POLICY key=value ..." as in rouse compare."""
    word, *pairs = variant.split()
    options = {"method": word} if word in METHODS else {"routing": word}
    for pair in pairs:
        key, value = pair.split("=", 1)
        options[key] = float(value) if key in ("alpha", "beta") else value
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder) / "in.jsonl", pathlib.Path(folder) / "out.jsonl"
        source.write_text("".join(json.dumps({"id": i, "prompt": p, "raw": True} | options) + "\n" for i, p in items))
        subprocess.run([rouse, "run", "-m", model, "-n", "160", "-c", "512", "--parallel", "16", "--batch", source, "-o", out], check=True)
        return {row["id"]: row["text"] for row in map(json.loads, out.open())}


def load(sets, name):
    plain = sets / name
    return [json.loads(line) for line in (plain.open() if plain.exists() else gzip.open(f"{plain}.gz", "rt"))]


def number(text):
    found = re.findall(r"he answer is (-?\d+)", text)
    return found[-1] if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--with", dest="variants", action="append")
    parser.add_argument("--model", default="lab-2", choices=sorted(protocol.PROTOCOLS))
    parser.add_argument("--file", type=pathlib.Path)
    parser.add_argument("--sets", type=pathlib.Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rouse", type=pathlib.Path, default=ROOT / "build" / "rouse")
    args = parser.parse_args()
    p = protocol.PROTOCOLS[args.model]
    model, sets = args.file or ROOT / "models" / p.file, args.sets or ROOT / "models" / p.folder
    facts = load(sets, "lab_facts.jsonl")
    groups = {band: [f for f in facts if f["band"] == band][:args.limit] for band, _ in p.bands}
    asked = [f for group in groups.values() for f in group]
    for band, group in list(groups.items()):  # what a name may give away, and what it cannot
        invented = [f for f in group if f["relation"].startswith("person.")]
        if invented:
            groups[f"{band}, real"] = [f for f in group if f not in invented]
            groups[f"{band}, invented"] = invented
    problems = load(sets, "lab_arithmetic.jsonl")[:args.limit]
    for variant in args.variants or ["greedy", "scmoe"]:
        print(f"| {variant} | held-out phrasing | trained phrasing |\n|---|---|---|")
        texts = {key: answer(args.rouse, model, [(f["id"], f[key]) for f in asked], variant) for key in ("question", "question_trained")}
        for name, group in groups.items():
            hits = [sum(texts[key][f["id"]].strip().split("\n")[0] in f["answers"] for f in group) for key in texts]
            print(f"| {name} | " + " | ".join("%.1f [%.1f, %.1f]" % wilson(h, len(group)) for h in hits) + " |")
        texts = answer(args.rouse, model, [(q["id"], q["question"]) for q in problems], variant)
        hits = sum(number(texts[q["id"]]) == q["answer"] for q in problems)
        print("| problems | %.1f [%.1f, %.1f] | |\n" % wilson(hits, len(problems)), flush=True)


if __name__ == "__main__":
    main()
