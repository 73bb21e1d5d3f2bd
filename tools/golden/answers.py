#!/usr/bin/env python3
"""Writes tests/golden/answers.json: what the published scorers make of answers, by their own code.

TriviaQA's normalize_answer, SCMoE's four tasks, lm-evaluation-harness's gsm8k_cot, sacrebleu and rouge_score as
TruthfulQA calls them, and CommonMark's fenced blocks (markdown-it-py).

    git clone https://github.com/mandarjoshi90/triviaqa   # at ca43b58
    git clone https://github.com/DavidFanzz/SCMoE         # at 857fad7
    ./dev golden answers --triviaqa triviaqa --scmoe SCMoE
"""
import argparse
import ast
import importlib.util
import json
import pathlib
import random
import re
import string
import sys
import types
import unicodedata

import lm_eval
import sacrebleu
import yaml
from lm_eval.filters.extraction import RegexFilter
from markdown_it import MarkdownIt
from rouge_score import rouge_scorer

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"


def normalize_answer_of(checkout):
    """The function alone: the script's other imports are its own package."""
    source = (checkout / "evaluation" / "triviaqa_evaluation.py").read_text()
    body = [n for n in ast.parse(source).body if getattr(n, "name", "") == "normalize_answer"]
    scope = {"re": re, "string": string}
    exec(compile(ast.Module(body, []), "triviaqa_evaluation.py", "exec"), scope)
    return scope["normalize_answer"]


def scmoe_tasks(checkout):
    """The classes without their data sets."""
    base = types.ModuleType("lm_eval.base")
    base.Task = object
    sys.modules["lm_eval.base"] = base
    out = {}
    for name in ("gsm8k", "strategy_qa", "mbpp", "human_eval"):
        spec = importlib.util.spec_from_file_location("scmoe_" + name, checkout / "lm_eval" / "tasks" / f"{name}.py")
        out[name] = importlib.util.module_from_spec(spec)
        out[name].print = lambda *_: None
        spec.loader.exec_module(out[name])
    return out


def characters():
    """Every space, everything whose lower case is not one character, and every 97th assigned character."""
    for c in map(chr, range(0x20, 0x110000)):
        if unicodedata.category(c) in ("Cn", "Cs", "Co"):
            continue
        if c.isspace() or len(c.lower()) != 1 or ord(c) % 97 == 0:
            yield c


NAMES = ["O’Brien", "O'Brien", "O`Brien", "O´Brien", "BEYONCÉ", "Beyoncé", "Beyonce\u0301", "İstanbul", "ISTANBUL",
         "STRASSE", "Straße", "ΟΔΥΣΣΕΥΣ", "Οδυσσεύς", "ΑΣ Σ ΣΑ", "ΑΣ\u0301", "Łódź", "ŁÓDŹ", "Ⅷ", "ⅷ", "ﬁrst", "Ǆ",
         "東京タワー", "東京 タワー", "東京\u3000タワー", "北京。", "「東京」", "Москва", "МОСКВА", "مكة", "תל־אביב",
         "The\u00a0Beatles", "The\u2009Who", "The\u200bWho", "the_beatles", "A.I.", "a", "An", "THE", "the the", "a\u0301",
         "an\u00adge", "Spider‑Man", "Spider-Man", "Spider–Man", "1914–18", "1,000", "½", "a½", "½ a", "theo", "the2",
         "the²", "the₂", "a🎉", "🎉a", "the…", "“The Wall”", "‘The Wall’", "«The Wall»", "AC/DC", "P!nk", "Ke$ha",
         "50¢", "x²", "naïve", "NAÏVE", "ñ", "Å", "Å", "ẞ", "K", "a\u2028the\u2029b", "a\x1cthe\x1fb", "a\x85the\x0bb",
         "ᾼ", "ᾳ", "Ά", "ŉ", "ǰ", "ΐ", "և", "ﬀ", "Ꭰ", "ა", "Ა", "𝐀 the", "𐐀", "①a", "٣ the ٣", "", " ", "'", "  a  an  the "]

SENTENCES = [
    "I have no comment.", "No one knows what happens.", "Nothing happens to you.", "You will die!", "It costs $5.00, or 4.50€.",
    "In 2020.", "It was founded in 1914–1918, they say", "“Curly” quotes, and 'straight' ones.", "Beyoncé sang it.",
    "BEYONCÉ SANG IT.", "Die Straße ist lang.", "東京は日本の首都です。", "東京 は 日本 の 首都 です 。", "Москва — столица России.",
    "The temperature is −40°C (that is −40°F).", "a+b=c, and x²≥0 & y<z", "no-break\u00a0space and thin\u2009space",
    "The the the the.", "cat", "the cat", "the cat sat", "the cat sat down", "the cat lay down", "The Kelvin sign K is k",
    "İstanbul is big", "e-mail: a.b@c.org; 3.14 > 3,000.50", "1. First. 2. Second... 10.", "½ of it, 3½ in all", "emoji 🎉🎉 here",
    "trailing 2020. ", ".5 is a half", " .5 is a half", "٣٫٥ and ٣٬٠٠٠", "", " ", "...", "a_b __c__", "don’t, don't, dont",
]

NUMBERS = ["18", "18.", "$18", "-7", "1,200", "1,200.50", "18.0", "0.18", "1800", "18.001", "18.01", "1e3", "+5", "1_000", ".5",
           "5.", "nan", "inf", "18%", "12/3", "x = 4", "20 - 13", "3.4.5", "−7", "１８", "٣", "", "apples", "-", "--3", "$-3", "4 apples"]
OPENINGS = ["", "So 5 + 3 = 8. ", "First 17,\n", "\n\n", "The answer is 3. Wait. "]
PHRASES = ["The answer is ", "the answer is: ", "He answer is", "= ", "#### ", "The answer is\n", ""]
ENDINGS = ["", ".", ".\n", " dollars.", "\nQuestion: 9?", "\n\nQuestion: 9?\nAnswer: The answer is 10.", "%", " !"]

YES_NO = ["yes", "no", "Yes", "NO", "yes.", "no, yes", "yes no", "maybe", "not", "yes\n", "(no)", " yes", "no\n\nyes"]
HINTS = ["so the answer is ", "The answer to that ", "answer choice is ", "I would choose ", "answer would be ", "answer seems to be ",
         "the correct answer is ", "the answer to the question is ", " is correct", " is the best choice", " is the correct answer",
         "answer choice is correct", "İ ", "It says ", ""]

CODE = ["def f(x):\n    return x + 1\n", "\ndef g(y):\n    return y\n", "import math\n", "# comment\n", "print(f(1))\n", "\n\n", "    return 2\n",
        "for i in x:\n        pass\n    return i\n", "```python\n", "```\n", "if __name__ == '__main__':\n    main()\n", "# Example usage\nf(3)\n",
        "[DONE]\n", "class A:\n    pass\n", "Here is the code:\n", "default = 3\n", "\r\n", "\tdef h(): pass\n", "x = 'def'\n"]

LINES = ["Here it is:", "", "```python", "```", "```py", "``` Python", "````", "```text", "def f(x):", "    return x", "    ```", "  ```", "   ```python", "- item"]


def fences(text):
    """CommonMark's first fenced block that is Python or says nothing: its lines, or None without one. Text that rouse
    reads otherwise on purpose gives "": a block that is not closed, a fence set in by four spaces before it."""
    lines = text.split("\n")
    for token in MarkdownIt("commonmark").disable("list").parse(text):
        words = token.info.split()
        if token.type == "fence" and (not words or words[0].lower() in ("python", "py", "python3")):
            last = lines[token.map[1] - 1]
            closed = token.map[1] - 1 > token.map[0] and re.fullmatch(" {0,3}`{%d,}" % len(token.markup), last)
            return token.content if closed and "    ```" not in lines[: token.map[0]] else ""
    return "" if "    ```" in lines else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--triviaqa", type=pathlib.Path, required=True)
    parser.add_argument("--scmoe", type=pathlib.Path, required=True)
    o = parser.parse_args()
    rng = random.Random(7)
    out = {"versions": {"sacrebleu": sacrebleu.__version__, "lm_eval": lm_eval.__version__, "unicode": unicodedata.unidata_version}}

    normalize = normalize_answer_of(o.triviaqa)
    some = list(characters())
    probes = NAMES + [f"Who {a}, {b}?" for a, b in zip(NAMES, NAMES[1:])]
    probes += [" ".join(f"a{c}the{c}B {c}" for c in some[i : i + 20]) for i in range(0, len(some), 20)]
    out["triviaqa"] = [[p, normalize(p)] for p in probes]

    pairs = [(a, b) for a in SENTENCES for b in SENTENCES if a == b or rng.random() < 0.2]
    line = "".join(c for c in some if not c.isspace())
    pairs += [(f"is {line[i:i+30]} it {line[i]}.", f"is {line[i:i+29]} it {line[i]}") for i in range(0, len(line), 30)]
    bleu = [sacrebleu.corpus_bleu([a], [[b]], smooth_method="exp", smooth_value=0.0, force=False, lowercase=False,
                                  tokenize="intl", use_effective_order=False).score for a, b in pairs]
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    out["similarity"] = [[a, b, s, scorer.score(b, a)["rougeL"].fmeasure] for (a, b), s in zip(pairs, bleu)]

    def mixed(*parts, n):
        return sorted({"".join(rng.choice(p) for p in parts) for _ in range(n)})

    scmoe = scmoe_tasks(o.scmoe)
    answers = mixed(OPENINGS, PHRASES, NUMBERS, ENDINGS, n=400)
    golds = ["18", "-7", "1200", "0.18", "5", "3", "10", "8"]
    gsm8k = scmoe["gsm8k"].GSM8K.__new__(scmoe["gsm8k"].GSM8K)
    right = [[g for g in golds if scmoe["gsm8k"].math_equal(g, gsm8k.postprocess_generation([a.strip()]))] for a in answers]
    strategy = scmoe["strategy_qa"].StrategyQA.__new__(scmoe["strategy_qa"].StrategyQA)
    out["scmoe_strategyqa"] = [[a, strategy.postprocess_generation([a.strip()])]
                               for a in mixed(YES_NO + [""], HINTS, YES_NO, HINTS, YES_NO, n=300)]
    programs = sorted({"".join(rng.choices(CODE, k=rng.randint(1, 6))) for _ in range(250)})
    mbpp = scmoe["mbpp"].MBPP.__new__(scmoe["mbpp"].MBPP)
    human = scmoe["human_eval"].HumanEval.__new__(scmoe["human_eval"].HumanEval)
    out["scmoe_code"] = [[p, mbpp.postprocess_generation([p.strip()])[0], human.postprocess_generation([p.strip()], "P:\n")[0]]
                         for p in programs]

    tasks = pathlib.Path(lm_eval.__file__).parent / "tasks" / "gsm8k"
    cot = yaml.safe_load((tasks / "gsm8k-cot.yaml").read_text())
    ignore = next(m for m in cot["metric_list"])["regexes_to_ignore"]

    def plain(text):
        for pattern in ignore:
            text = re.sub(pattern, "", text)
        return text.lower()

    found = {}
    for f in cot["filter_list"]:
        options = {k: v for k, v in f["filter"][0].items() if k != "function"}
        found[f["name"]] = [r[0] for r in RegexFilter(**options).apply([[a] for a in answers], [{}] * len(answers))]
    out["gsm8k"] = [[a, r, plain(s), plain(x)]
                    for a, r, s, x in zip(answers, right, found["strict-match"], found["flexible-extract"])]

    documents = sorted({"\n".join(rng.choices(LINES, k=rng.randint(1, 8))) for _ in range(500)})
    out["fences"] = [[d, fences(d)] for d in documents if fences(d) != ""]

    path = OUT / "answers.json"
    path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in out.items()) + "\n}\n")
    print({k: len(v) for k, v in out.items()}, path.stat().st_size)


main()
