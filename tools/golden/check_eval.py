#!/usr/bin/env python3
"""check_eval.py --rouse BINARY --model MODEL_F32.gguf --data DIR [--limit N] [--repeat N] [--reference FOLDER]: `rouse eval` against
lm-evaluation-harness, item by item, float32 and an F32 cache on both sides, and the speed of both, in turns.

The harness runs its own prompts (its files for TruthfulQA, ARC and MMLU, over the same JSON Lines) through its HFLM with
gguf_file=, or with --reference from a folder of transformers; FACTOR, which it lacks, is scored by a short transformers
reference. tools/golden/dequantize.py makes the model, boundaries.py FOLDER one with Mixtral's SentencePiece vocabulary.
Needs requirements-harness.txt.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import lm_eval
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.truthfulqa.utils import process_results_mc2

TASKS = ["truthfulqa_mc1", "truthfulqa_mc2", "arc_challenge", "mmlu", "factor_news"]


class TimedLM(HFLM):
    """The harness's model, with a watch around its scoring."""

    seconds = 0.0

    def loglikelihood(self, requests, **kwargs):
        begin = time.time()
        out = super().loglikelihood(requests, disable_tqdm=True)
        self.seconds = time.time() - begin
        return out


def own_config(path):
    """A configuration file of the package, without what refers to other data."""
    text = (pathlib.Path(lm_eval.__file__).parent / "tasks" / path).read_text()
    config = yaml.load(text, yaml.SafeLoader)
    return {k: config[k] for k in ("doc_to_text", "doc_to_target", "doc_to_choice", "metric_list") if k in config}


def config_of(task, items):
    config = {
        "task": task, "output_type": "multiple_choice", "dataset_path": "json", "test_split": "test",
        "dataset_kwargs": {"data_files": {"test": str(items)}}, "num_fewshot": 0,
    }
    if task.startswith("truthfulqa"):
        config |= own_config("truthfulqa/truthfulqa_mc1.yaml")
        if task.endswith("mc2"):
            config |= {"doc_to_choice": "{{mc2_targets.choices}}", "process_results": process_results_mc2}
    elif task.startswith("arc"):
        config |= own_config("arc/arc_easy.yaml") | {"doc_to_choice": "{{choices}}", "doc_to_target": "answer"}
    else:
        config |= own_config("mmlu/default/_default_template_yaml")
        config["doc_to_text"] = ("The following are multiple choice questions (with answers) about "
                                 "{{subject.replace('_', ' ')}}.\n\n") + config["doc_to_text"]
    return config


def harness(lm, task, items):
    """[(log-likelihoods, acc)] by item, and seconds."""
    out = lm_eval.simple_evaluate(model=lm, tasks=[config_of(task, items)], log_samples=True, bootstrap_iters=0)
    rows = sorted(out["samples"][task], key=lambda r: r["doc_id"])
    return [([r[0] for r in row["filtered_resps"]], float(row["acc"])) for row in rows], lm.seconds


def factor(lm, items):
    """FACTOR's official score: the mean log-likelihood of a completion's tokens."""
    begin, out = time.time(), []
    encode = lm.tok_encode
    for record in map(json.loads, open(items)):
        prefix, joint = record["prefix"], ""
        if prefix.endswith(" "):
            prefix, joint = prefix[:-1], " "
        sums, means = [], []
        head = encode(prefix)
        for completion in [record["completion"], *record["contradictions"]]:
            whole = encode(prefix + joint + completion)
            tail = whole[len(head):]
            assert whole == head + tail
            with torch.no_grad():
                logits = lm.model(torch.tensor([head + tail])).logits[0].log_softmax(-1)
            scores = [logits[len(head) - 1 + i, token].item() for i, token in enumerate(tail)]
            sums.append(sum(scores))
            means.append(sum(scores) / len(scores))
        out.append((sums, float(means[0] == max(means))))
    return out, time.time() - begin


def ours(arguments, task, folder):
    """The same of rouse, and the items' records in its order."""
    subprocess.run(
        [arguments.rouse, "eval", "-m", arguments.model, "--tasks", task, "--data", arguments.data, "--limit",
         str(arguments.limit), "--kv-type", "f32", "-c", "2048", "-o", folder], check=True, stdout=subprocess.DEVNULL)
    run = next(pathlib.Path(folder).iterdir())
    rows = [json.loads(line) for line in open(next(run.glob("samples_*.jsonl")))]
    cost = json.load(open(next(run.glob("results_*.json"))))["rouse"]["tasks"][task]["cost"]
    return [([r[0] for r in row["resps"]], float(row["acc"])) for row in rows], cost["seconds"], [r["doc"] for r in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("rouse", "model", "data"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--reference")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("ROUSE_THREADS", os.cpu_count())))
    model = pathlib.Path(arguments.model)
    # BOS as the file says: the tokenizer that transformers makes of a file would add one.
    source = ({"pretrained": arguments.reference} if arguments.reference else
              {"pretrained": str(model.parent), "gguf_file": model.name, "add_bos_token": False})
    lm = TimedLM(**source, dtype="float32", device="cpu", batch_size=arguments.batch_size, max_length=2048)
    print(f"{arguments.limit} items a task, {torch.get_num_threads()} threads, the harness's batches of {arguments.batch_size}")
    for task in arguments.tasks.split(","):
        speeds = []
        for _ in range(arguments.repeat):
            with tempfile.TemporaryDirectory() as folder:
                mine, seconds, docs = ours(arguments, task, folder + "/run")
                items = pathlib.Path(folder) / "items.jsonl"
                items.write_text("".join(json.dumps(d) + "\n" for d in docs))
                theirs, their_seconds = (factor(lm, items) if task.startswith("factor") else harness(lm, task, items))
            speeds.append((len(docs) / seconds, len(docs) / their_seconds))
        worst = max(abs(a - b) for (x, _), (y, _) in zip(mine, theirs) for a, b in zip(x, y))
        other = [d.get("id") for d, (_, a), (_, b) in zip(docs, mine, theirs) if abs(a - b) > 1e-3]
        accuracy = [statistics.mean(a for _, a in side) for side in (mine, theirs)]
        ratios = sorted(a / b for a, b in speeds)
        print(f"{task}: largest difference {worst:.4f} nats of {sum(len(x) for x, _ in mine)} pairs; acc {accuracy[0]:.4f} "
              f"and {accuracy[1]:.4f}, other items: {other}; {statistics.median(s[0] for s in speeds):.2f} and "
              f"{statistics.median(s[1] for s in speeds):.2f} items/s, {statistics.median(ratios):.2f}x "
              f"[{ratios[0]:.2f}, {ratios[-1]:.2f}]", flush=True)


if __name__ == "__main__":
    main()
