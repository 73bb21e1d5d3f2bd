#!/usr/bin/env python3
"""Scores rouse-lab on its own sets with rouse itself: score.py [--with "scmoe weak=rank:3"] ...

Facts: exact match of the first line, on held-out and on trained phrasings, by how often training showed the fact.
Problems: the number after "The answer is". Intervals are Wilson's, 95%.
"""
import argparse
import json
import math
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("greedy", "scmoe")


def wilson(hits, n):
    if n == 0:
        return 0.0, 0.0, 0.0
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return 100 * p, 100 * (middle - half) / (1 + z * z / n), 100 * (middle + half) / (1 + z * z / n)


def answer(items, variant):
    """id -> text. variant: "METHOD|POLICY key=value ..." as in rouse compare."""
    word, *pairs = variant.split()
    options = {"method": word} if word in METHODS else {"routing": word}
    for pair in pairs:
        key, value = pair.split("=", 1)
        options[key] = float(value) if key in ("alpha", "beta") else value
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder) / "in.jsonl", pathlib.Path(folder) / "out.jsonl"
        source.write_text("".join(json.dumps({"id": i, "prompt": p, "raw": True} | options) + "\n" for i, p in items))
        subprocess.run([ROOT / "build" / "rouse", "run", "-m", ROOT / "models" / "rouse-lab.gguf", "-n", "160", "-c", "512",
                        "--batch", source, "-o", out], check=True)
        return {row["id"]: row["text"] for row in map(json.loads, out.open())}


def number(text):
    found = re.findall(r"he answer is (-?\d+)", text)
    return found[-1] if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--with", dest="variants", action="append")
    args = parser.parse_args()
    load = lambda name: [json.loads(line) for line in (ROOT / "models" / "lab" / name).open()]
    facts, problems = load("lab_facts.jsonl"), load("lab_arithmetic.jsonl")
    rows = []
    for variant in args.variants or ["greedy", "scmoe"]:
        cells = [variant]
        for key in ("question", "question_trained"):
            texts = answer([(f["id"], f[key]) for f in facts], variant)
            for band in ("head", "middle", "tail"):
                group = [f for f in facts if f["band"] == band]
                hits = sum(texts[f["id"]].strip().split("\n")[0] in f["answers"] for f in group)
                cells.append("%.1f [%.1f, %.1f]" % wilson(hits, len(group)))
        texts = answer([(p["id"], p["question"]) for p in problems], variant)
        cells.append("%.1f [%.1f, %.1f]" % wilson(sum(number(texts[p["id"]]) == p["answer"] for p in problems), len(problems)))
        rows.append(cells)
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
