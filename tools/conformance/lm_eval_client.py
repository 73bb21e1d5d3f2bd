#!/usr/bin/env python3
"""lm-evaluation-harness against `rouse serve`, item by item as `rouse eval`: lm_eval_client.py --rouse BINARY --model GGUF [--limit N].

The lab's contrasts in ARC's form (the likeliest of four choices) and its word problems, by local-completions with the server's
tokenizer, in batches and side by side; under a preset; by gguf, which sends texts and names no model; by local-chat-completions.

The harness asks a remote tokenizer for no BOS and has no way to, so that its tasks here begin with the token's name, as the model
was trained. Log-likelihoods agree within 1e-4, answers by the byte; on a copy of the model in F32, for the products of quantised
weights depend on how many rows run together (docs/methods.md). Where two experts nearly tie even F32's last digits choose, so that
`rouse eval` runs in two sizes of batches, and the server may say what either said.
"""
import contextlib
import gzip
import json
import logging
import pathlib
import subprocess
import sys
import tempfile

from common import Checks, Server, arguments, quiet

quiet()
import lm_eval  # noqa: E402  # reads the environment
from lm_eval.tasks import TaskManager  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETS = ROOT / "models" / "lab2"
TOLERANCE = 1e-4
EXACT = ("--kv-type", "f32")
CHOICES, WORDS, CHAT, PLAIN = "lab_choices", "lab_words", "lab_chat", "lab_plain"
DATA = """
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
num_fewshot: 0
"""
TASKS = {
    CHOICES: ("arc_easy.jsonl", """
output_type: multiple_choice
doc_to_text: "{bos}Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
"""),
    WORDS: ("lab_arithmetic.jsonl", """
output_type: generate_until
doc_to_text: "{bos}{{{{question}}}}"
doc_to_target: answer
generation_kwargs: {{until: ["\\n\\n"], max_gen_toks: 160}}
filter_list:
  - {{name: last, filter: [{{function: regex, regex_pattern: "(-?\\\\d+)", group_select: -1}}, {{function: take_first}}]}}
metric_list: [{{metric: exact_match}}]
"""),
}
TASKS[CHAT] = (TASKS[WORDS][0], TASKS[WORDS][1].replace("{bos}{{{{question}}}}",
                                                       "{{{{question[10:-8]}}}}"))  # the template writes "Question: " itself
TASKS[PLAIN] = (TASKS[CHOICES][0], TASKS[CHOICES][1].replace("{bos}", ""))  # for gguf, whose texts get their BOS from the server


def records(name):
    plain = SETS / name
    return [json.loads(line) for line in (plain.open() if plain.exists() else gzip.open(f"{plain}.gz", "rt"))]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def make_tasks(folder, limit, bos):
    """The items, in the files that `rouse eval` reads as well, and the harness's own files beside them."""
    contrasts = records("lab_contrast.jsonl")
    choices = []
    for i, r in enumerate(contrasts[::max(1, len(contrasts) // limit)][:limit]):
        texts = [t.strip() for t in r["contradictions"]]
        texts.insert(i % 4, r["completion"].strip())
        choices.append({"id": r["id"], "question": r["question"][len("Question: "):-len("\nAnswer:")], "choices": texts, "answer": i % 4})
    write(folder / "arc_easy.jsonl", choices)
    write(folder / "lab_arithmetic.jsonl", records("lab_arithmetic.jsonl")[:limit])
    for task, (file, text) in TASKS.items():
        (folder / f"{task}.yaml").write_text(f"task: {task}\n" + (DATA + text).format(file=folder / file, bos=bos))


def by_rouse(asked, folder, *flags):
    """{task: ([log-likelihoods or text by item], {metric: value})} of `rouse eval`; "small" is CHOICES in small batches."""
    out = {}
    for batch, tasks in ((512, {CHOICES: "arc_easy", WORDS: "lab_arithmetic"}), (16, {"small": "arc_easy"})):
        with tempfile.TemporaryDirectory() as results:
            subprocess.run([asked.rouse, "eval", "-m", asked.model, *EXACT, "-b", str(batch), "--tasks", ",".join(tasks.values()),
                            "--data", folder, "-o", results, *flags],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            run = next(pathlib.Path(results).iterdir())
            values = json.loads(max(run.glob("results_*.json")).read_text())["results"]
            for task, name in tasks.items():
                rows = [json.loads(line) for line in next(run.glob(f"samples_{name}_*.jsonl")).open()]
                order = {json.loads(line)["id"]: i for i, line in enumerate((folder / f"{name}.jsonl").open())}
                rows.sort(key=lambda r: order[r["id"]])
                out[task] = [[r[0] for r in row["resps"]] for row in rows], {k.split(",")[0]: v for k, v in values[name].items()}
    return out


def by_harness(client, tasks, folder, **more):
    """The same of the harness."""
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    batch = more.pop("batch_size", 1)
    chat = more.pop("apply_chat_template", False)
    told = lm_eval.simple_evaluate(model=client, model_args=more, tasks=tasks, task_manager=manager, batch_size=batch,
                                   apply_chat_template=chat, log_samples=True, bootstrap_iters=0)
    out = {}
    for task in tasks:
        rows = sorted(told["samples"][task], key=lambda r: r["doc_id"])
        out[task] = [[r[0] if isinstance(r, (list, tuple)) else r for r in row["filtered_resps"]] if row["filter"] == "none" else
                     row["resps"][0] for row in rows], {k.split(",")[0]: v for k, v in told["results"][task].items()}
    return out


def distance(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def compare(checks, what, ours, theirs):
    for task in theirs:
        mine, other = ours[{CHAT: WORDS, PLAIN: CHOICES}.get(task, task)], theirs[task]
        label = f"{what}, {len(other[0])} items of {task}"
        if task in (CHOICES, PLAIN):
            off = [min(distance(x, y), distance(z, y)) for x, z, y in zip(mine[0], ours["small"][0], other[0], strict=True)]
            tied = sum(distance(x, z) > TOLERANCE for x, z in zip(mine[0], ours["small"][0]))
            checks.check(f"{label}: log-likelihoods of rouse eval within {TOLERANCE} (at most {max(off):.1e} off, {tied} with a tie)",
                         max(off) <= TOLERANCE and tied <= len(off) / 20)
            metrics = ("acc", "acc_norm")
        else:
            differ = [(a, b) for a, b in zip(mine[0], other[0], strict=True) if a[0] != b[0]]
            checks.check(f"{label}: the texts of rouse eval", not differ, f"{len(differ)} differ: {differ[:2]}")
            metrics = ("exact_match",)
        for metric in metrics:
            a, b = mine[1][metric], other[1][metric]
            checks.check(f"{label}: {metric} {b:.4f}, as rouse eval", abs(a - b) < 1e-9, a)


def command_line(checks, server, folder, ours):
    """As a user types it."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [sys.executable, "-m", "lm_eval", "run", "--model", "local-completions", "--tasks", CHOICES, "--include_path", folder,
             "--model_args", f"model={server.id},base_url={server.url}/v1/completions,num_concurrent=4", "--batch_size", "8",
             "--output_path", out], capture_output=True, text=True)
        found = list(pathlib.Path(out).rglob("results_*.json"))
        if checks.check("the command line ends well", done.returncode == 0 and len(found) == 1, done.stderr[-2000:]):
            acc = json.loads(found[0].read_text())["results"][CHOICES]["acc,none"]
            checks.check("the command line: acc as rouse eval", abs(acc - ours[CHOICES][1]["acc"]) < 1e-9, acc)


def main():
    asked = arguments(__doc__, limit={"type": int, "default": 100, "help": "items a task"},
                      quick={"action": "store_true", "help": "one run, of choices and words"})
    logging.disable(logging.WARNING)
    checks = Checks("lm_eval")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        exact = folder / pathlib.Path(asked.model).name
        subprocess.run([sys.executable, ROOT / "tools" / "golden" / "dequantize.py", asked.model, exact], check=True)
        asked.model = str(exact)
        server = stack.enter_context(Server(asked, checks, *EXACT))
        make_tasks(folder, asked.limit, server.get("/tokenizer_info")["bos_token"] or "")
        ours = by_rouse(asked, folder)
        both = [CHOICES, WORDS]
        at = {"model": server.id, "base_url": server.url + "/v1/completions"}
        runs = [("batches of 8, 4 at once", at | {"batch_size": 8, "num_concurrent": 4}, ours)]
        if not asked.quick:
            rank2 = by_rouse(asked, folder, "--methods", "rank:2")
            contrast = by_rouse(asked, folder, "--methods", "scmoe")
            checks.check("rank:2 and scmoe score otherwise than greedy", ours[CHOICES][0] != rank2[CHOICES][0] != contrast[CHOICES][0])
            runs += [("one by one", at, ours), ("batches of 8", at | {"batch_size": 8}, ours),
                     ("4 at once", at | {"num_concurrent": 4}, ours),
                     ("model@rank2", at | {"model": server.id + "@rank2", "batch_size": 8, "num_concurrent": 4}, rank2),
                     ("model@contrast", at | {"model": server.id + "@contrast", "batch_size": 8, "num_concurrent": 4}, contrast)]
        for what, settings, expected in runs:
            with checks.of(what):
                compare(checks, f"local-completions, {what}", expected, by_harness("local-completions", both, folder, **settings))
        if not asked.quick:
            others(checks, server, folder, ours, rank2)
            with checks.of("the command line"):
                command_line(checks, server, folder, ours)
    checks.finish()


def others(checks, server, folder, ours, rank2):
    """The harness's other ways to a server."""
    with checks.of("gguf"):
        compare(checks, "gguf", ours, by_harness("gguf", [PLAIN], folder, base_url=server.url))
    chat = {"model": server.id, "base_url": server.url + "/v1/chat/completions"}
    with checks.of("local-chat-completions"):
        compare(checks, "local-chat-completions", ours,
                by_harness("local-chat-completions", [CHAT], folder, apply_chat_template=True, num_concurrent=4, **chat))
    with checks.of("local-chat-completions, model@rank2"):
        compare(checks, "local-chat-completions, model@rank2", rank2,
                by_harness("local-chat-completions", [CHAT], folder, apply_chat_template=True, **chat | {"model": server.id + "@rank2"}))
    with checks.of("local-completions with the chat template"):
        # Messages go to /tokenize. Without samples, for the harness cannot log a prompt that is a list.
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        told = lm_eval.simple_evaluate(model="local-completions", tasks=[CHAT], task_manager=manager, apply_chat_template=True,
                                       model_args={"model": server.id, "base_url": server.url + "/v1/completions"},
                                       log_samples=False, bootstrap_iters=0)
        acc = told["results"][CHAT]["exact_match,last"]
        checks.check(f"local-completions with the chat template: exact_match {acc:.4f}, as rouse eval",
                     abs(acc - ours[WORDS][1]["exact_match"]) < 1e-9, ours[WORDS][1])


if __name__ == "__main__":
    main()
