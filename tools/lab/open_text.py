#!/usr/bin/env python3
"""The open text on which `rouse advise` tries a model when none is given: open_text.py OUT.jsonl --jargon jargon.dict.dz --us DIR.

Three kinds in equal parts, each record with its source: prose (the Jargon File 4.4.7 from Debian's dict-jargon; the Constitution and the
Declaration of Independence of the United States from Debian's miscfiles, usr/share/state: all public domain), facts of countries and
elements in sentences (models/lab/lab_world.tsv.gz: GeoNames, CC BY 4.0, and periodictable, public domain), and word problems with worked
steps (problems.py), whose questions are prompts that nobody scores.
"""
import argparse
import csv
import gzip
import json
import pathlib
import random
import re

import problems

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
KIND = 90  # texts of each


def jargon(path):
    """Entries as running text: "hacker: A person who enjoys ..."."""
    for entry in re.split(r"\n(?=\S)", gzip.open(path, "rt", encoding="utf-8").read()):
        head, _, body = entry.partition("\n")
        body = re.sub(r"\{\s*([^}]*?)\s*\}", r"\1", " ".join(body.split()))
        body = re.sub(r"^(/[^/]*/,? ?)?((n|v|adj|adv|vt|vi|prov|excl|interj|prefix|suffix|obs)\.,? ?)*", "", body)
        body = re.sub(r"^\[[^\]]*\] ?", "", body)
        plain = all(c.isascii() or c in "“”‘’—é" for c in body)
        if 450 <= len(body) <= 1300 and plain and "http" not in body and "|" not in body and body[0].isupper():
            yield {"text": f"{head.strip()}: {body}", "source": "Jargon File 4.4.7, public domain"}


def state(folder):
    for name, source in (("us-constitution", "Constitution of the United States, public domain"),
                         ("us-declaration", "Declaration of Independence of the United States, public domain")):
        text = gzip.open(pathlib.Path(folder) / f"{name}.gz", "rt").read()
        for part in re.split(r"\n\n\n+", text):
            part = " ".join(part.split())
            if 450 <= len(part) <= 1300:
                yield {"text": part, "source": source}


def facts(rng):
    known = {}
    with gzip.open(MODELS / "lab" / "lab_world.tsv.gz", "rt") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            relation, subject = row["id"].split(":", 1)
            known.setdefault(subject, {})[relation] = (row["answers"].split("|"), int(row["train_count"]))
    countries = sorted((c for c in known if "country.neighbour" in known[c]), key=lambda c: -known[c]["country.capital"][1])[:120]
    elements = sorted((e for e in known if "element.number" in known[e]), key=lambda e: int(known[e]["element.number"][0][0]))[:100]
    texts = []
    for c in countries:
        of = {r: a for r, (a, _) in known[c].items()}
        near = of["country.neighbour"]
        near = near[0] if len(near) == 1 else ", ".join(near[:-1]) + " and " + near[-1]
        texts.append((f"{c} lies in {of['country.continent'][0]}. Its capital is {of['country.capital'][0]}. People there pay in the "
                      f"{of['country.currency'][0].lower()}, and web addresses end in {of['country.domain'][0]}. It borders on {near}.",
                      "GeoNames, CC BY 4.0"))
    for e in elements:
        symbol, number = known[e]["element.symbol"][0][0], known[e]["element.number"][0][0]
        texts.append((f"The chemical element {e} has the symbol {symbol} and the atomic number {number}.", "periodictable, public domain"))
    rng.shuffle(texts)
    for i in range(0, len(texts) - 1, 2):
        (a, from_a), (b, from_b) = texts[i], texts[i + 1]
        yield {"text": f"{a} {b}", "source": "; ".join(sorted({from_a, from_b}))}


def worked(rng):
    while True:
        question, work, _ = problems.problem(rng, problems.HARD)
        yield {"prompt": f"Question: {question}\nAnswer:", "text": f" {work}", "source": "rouse, MIT"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--jargon", required=True)
    parser.add_argument("--us", required=True)
    args = parser.parse_args()
    rng = random.Random(1)
    entries, documents = list(jargon(args.jargon)), list(state(args.us))
    rng.shuffle(entries)
    rng.shuffle(documents)
    prose = (documents[:KIND // 3] + entries)[:KIND]
    problem = worked(rng)
    records = prose + list(facts(rng))[:KIND] + [next(problem) for _ in range(KIND)]
    rng.shuffle(records)
    pathlib.Path(args.output).write_text("".join(json.dumps({"id": f"open_{i:03d}", **r}, ensure_ascii=False) + "\n" for i, r in enumerate(records)))


if __name__ == "__main__":
    main()
