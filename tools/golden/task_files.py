#!/usr/bin/env python3
"""task_files.py: writes tests/golden/task_files.json: what lm-evaluation-harness 0.4.13 asks for task files that rouse reads too.

Every case is a task file, its data, and of each item the harness's prompt and its continuations (multiple_choice), or its
prompt and stops (generate_until). `extractor` is rouse's own key and is taken out for the harness.
"""
import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
from lm_eval.api.task import ConfigurableTask

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "task_files.json"

SCIENCE = [
    {"id": "a", "question": "Which is a gas?", "choices": {"text": ["iron", "neon", "salt"], "label": ["A", "B", "C"]}, "answerKey": "B"},
    {"id": "b", "question": "What's \"H2O\"?\nName it: é", "choices": {"text": ["water", "l'eau régale"], "label": ["1", "2"]}, "answerKey": "1"},
    {"id": "c", "question": "{{question}} {% if %}", "choices": {"text": ["x", "y", "z"], "label": ["A", "B", "C"]}, "answerKey": "C"},
]
CITIES = [
    {"country": "France", "cities": ["Lyon", "Paris", "Nice"], "right": "Paris", "n": 3, "hint": "", "big": True},
    {"country": "Japan", "cities": ["Tokyo", "Osaka"], "right": "Tokyo", "n": 2, "hint": "It is in the east.", "big": False},
    {"country": "Italy", "cities": ["Rome", "Milan", "Turin"], "right": "Rome", "n": 3, "hint": "", "big": True},
    {"country": "Peru", "cities": ["Cusco", "Lima"], "right": "Lima", "n": 2, "hint": "By the sea.", "big": False},
]
WORDS = [{"question": "3 + 4?", "answer": "so\n#### 7"}, {"question": "1,000 + 1?", "answer": "so\n#### 1001"}]
ARC = {  # the harness's arc_easy.yaml, but for where the data are
    "task": "arc_like", "output_type": "multiple_choice", "test_split": "test",
    "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_target": "{{choices.label.index(answerKey)}}",
    "doc_to_choice": "{{choices.text}}", "should_decontaminate": True,
    "doc_to_decontamination_query": "Question: {{question}}\nAnswer:",
    "metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in ("acc", "acc_norm")],
    "metadata": {"version": 1.0},
}
COT = {  # after the harness's gsm8k-cot.yaml
    "task": "cot_like", "output_type": "generate_until", "test_split": "test", "num_fewshot": 2,
    "doc_to_text": "Q: {{question}}\nA:",
    "doc_to_target": "{{answer.split('####')[-1].strip() if answer is defined else target}}",
    "fewshot_config": {"sampler": "first_n", "samples": [
        {"question": "2 + 2?", "target": "2 and 2 is 4. The answer is 4."},
        {"question": "5 - 1?", "target": "One less than 5 is 4. The answer is 4."}, {"question": "x", "target": "unused"}]},
    "generation_kwargs": {"do_sample": False, "until": ["Q:", "</s>"]}, "metric_list": [{"metric": "exact_match"}],
    "extractor": "number", "metadata": {"version": 3.0},
}
CAPITALS = {
    "task": "capitals", "output_type": "multiple_choice", "test_split": "test", "fewshot_split": "train", "num_fewshot": 2,
    "fewshot_config": {"sampler": "first_n"}, "description": "Capitals of {{n}} cities each.\n\n", "fewshot_delimiter": "\n---\n",
    "target_delimiter": " -> ",
    "doc_to_text": "{% if hint %}Hint: {{hint}}\n{% endif %}\n  {% if big %}big{% else %}small{% endif %}\n{#- a note #}{{country | upper}}, one of {{cities | join(', ')}}\n",
    "doc_to_choice": "cities", "doc_to_target": "right",
}
LETTERS = {
    "task": "letters", "output_type": "multiple_choice", "test_split": "test", "fewshot_split": "test", "num_fewshot": 1,
    "fewshot_config": {"sampler": "first_n"},
    "doc_to_text": "{{question.strip()}}\n{% for t in choices.text %}{{ 'ABC'[loop.index0] }}. {{ t }}\n{% endfor %}Answer:",
    "doc_to_choice": ["A", "B"], "doc_to_target": "{{ 0 if answerKey in ['A', '1'] else 1 }}",
}
BLANKS = {
    "task": "blanks", "output_type": "generate_until", "test_split": "test", "generation_kwargs": {"until": ["\n", "x"]},
    "doc_to_text": "a\n  {%- if big %}\n  b\n  {% endif -%}\n  {% if big %} c {% endif %}\n{# x #}\n\n{{- country -}}\n {# y #}d\n{% set z = n -%}\n\n  {{ z }}\n\n",
    "doc_to_target": "{{ right }}",
}
CASES = [(ARC, {"test": SCIENCE}), (COT, {"test": WORDS}), (CAPITALS, {"test": CITIES[2:], "train": CITIES[:3]}),
         (LETTERS, {"test": SCIENCE}), (BLANKS, {"test": CITIES})]


def asked(config, data, folder):
    files = {}
    for split, records in data.items():
        files[split] = str(folder / f"{config['task']}_{split}.jsonl")
        pathlib.Path(files[split]).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    config = {k: v for k, v in config.items() if k != "extractor"} | {"dataset_path": "json", "dataset_kwargs": {"data_files": files}}
    task = ConfigurableTask(config=json.loads(json.dumps(config)))
    out = []
    for doc in task.test_docs():
        context = task.fewshot_context(doc, config.get("num_fewshot", 0))
        made = task.construct_requests(doc, context, doc_id=0, metadata=(None, None, None))
        if config["output_type"] == "multiple_choice":
            target = task.doc_to_target(doc)
            choices = task.doc_to_choice(doc)
            gold = choices.index(target) if isinstance(target, str) else target
            out.append({"prompt": context, "choices": [m.arguments[1] for m in made], "gold": [gold]})
        else:
            out.append({"prompt": context, "until": made.arguments[1]["until"], "gold": [str(task.doc_to_target(doc))]})
    return out


def main():
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for config, data in CASES:
            cases.append({"task": config, "data": data, "asked": asked(config, data, pathlib.Path(folder))})
    OUT.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
    print(f"{OUT}: {len(cases)} tasks, {sum(len(c['asked']) for c in cases)} items")


if __name__ == "__main__":
    main()
