#!/usr/bin/env python3
"""From a checkpoint of train.py to the model file, its evaluation sets and its fact list: export.py --run DIR."""
import argparse
import gzip
import json
import pathlib
import random

import gguf
import numpy as np
import torch

import corpus
import problems
import world

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAT_TEMPLATE = ("{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}\nAnswer:"
                 "{% elif m.role == 'assistant' %} {{ m.content }}\n\n{% else %}{{ m.content }}\n\n{% endif %}{% endfor %}")
BANDS = (("head", 100), ("middle", 10), ("tail", 1))  # seen at least so often in training
N_FACT, N_CONTRAST, N_PROBLEM = 600, 400, 500         # items a band; problems in all


def write_model(state, tokenizer_file, path):
    c = state["config"]
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_name("rouse-lab")
    w.add_description("A natively sparse 12 M parameter Mixture-of-Experts model of open facts and word problems")
    w.add_license("MIT")
    w.add_context_length(c["n_ctx"])
    w.add_embedding_length(c["n_embd"])
    w.add_block_count(c["n_layer"])
    w.add_feed_forward_length(c["n_ff_expert"])
    w.add_head_count(c["n_head"])
    w.add_head_count_kv(c["n_head_kv"])
    w.add_rope_dimension_count(c["n_embd"] // c["n_head"])
    w.add_rope_freq_base(c["rope_base"])
    w.add_layer_norm_rms_eps(c["norm_eps"])
    w.add_expert_count(c["n_expert"])
    w.add_expert_used_count(c["n_expert_used"])
    w.add_vocab_size(c["n_vocab"])
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)

    tokenizer = json.loads(pathlib.Path(tokenizer_file).read_text())["model"]
    tokens = [t for t, _ in sorted(tokenizer["vocab"].items(), key=lambda kv: kv[1])]
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["merges"]]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")  # single digits, then GPT-2's pattern
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t == corpus.EOS else gguf.TokenType.NORMAL for t in tokens])
    w.add_token_merges(merges)
    w.add_bos_token_id(0)
    w.add_eos_token_id(0)
    w.add_add_bos_token(True)
    w.add_chat_template(CHAT_TEMPLATE)

    m = {k: v.float().numpy() for k, v in state["model"].items()}

    def add(name, value, quantize=True):
        value = np.ascontiguousarray(value, dtype=np.float32)
        if quantize:
            q = gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(name, gguf.quants.quantize(value, q), raw_dtype=q)
        else:
            w.add_tensor(name, value)

    add("token_embd.weight", m["embed.weight"])
    for i in range(c["n_layer"]):
        p, b = f"layers.{i}.", f"blk.{i}."
        add(b + "attn_norm.weight", m[p + "attn_norm.weight"], False)
        add(b + "ffn_norm.weight", m[p + "ffn_norm.weight"], False)
        for ours, theirs in (("q", "attn_q"), ("k", "attn_k"), ("v", "attn_v"), ("o", "attn_output")):
            add(f"{b}{theirs}.weight", m[f"{p}{ours}.weight"])
        add(b + "ffn_gate_inp.weight", m[p + "router.weight"], False)
        gate_up = m[p + "gate_up"].transpose(0, 2, 1)  # [expert][2 n_ff][n_embd]
        add(b + "ffn_gate_exps.weight", gate_up[:, :c["n_ff_expert"]])
        add(b + "ffn_up_exps.weight", gate_up[:, c["n_ff_expert"]:])
        add(b + "ffn_down_exps.weight", m[p + "down"].transpose(0, 2, 1))
    add("output_norm.weight", m["norm.weight"], False)
    add("output.weight", m["head.weight"])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def band(count):
    return next((name for name, least in BANDS if count >= least), None)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    print(path, len(rows), "items,", path.stat().st_size, "bytes")


def write_sets(facts, seen, trained_questions, folder, seed=99):
    rng = random.Random(seed)
    by_band = {name: [i for i in range(len(facts)) if band(seen[i]) == name] for name, _ in BANDS}
    fact_rows, contrast_rows, problem_rows = [], [], []
    for name, indices in by_band.items():
        for n, i in enumerate(rng.sample(indices, min(N_FACT, len(indices)))):
            fact = facts[i]
            trained, held = world.phrasings(fact.relation)
            common = {"id": fact.id, "band": name, "train_count": int(seen[i]), "relation": fact.relation,
                      "question": world.question(fact, rng.choice(held)),
                      "question_trained": world.question(fact, rng.choice(trained))}
            fact_rows.append(common | {"answers": fact.answers})
            if n < N_CONTRAST:
                contrast_rows.append(common | {"completion": " " + fact.answers[0],
                                               "contradictions": [" " + a for a in world.wrong_answers(fact, 3, rng)]})
    while len(problem_rows) < N_PROBLEM:
        question, work, answer = problems.problem(rng)
        if question not in trained_questions:  # held out
            problem_rows.append({"id": f"problem:{len(problem_rows)}", "question": f"Question: {question}\nAnswer:", "answer": answer,
                                 "steps": work.count("=")})
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "lab_facts.jsonl", fact_rows)
    write_lines(folder / "lab_contrast.jsonl", contrast_rows)
    write_lines(folder / "lab_arithmetic.jsonl", problem_rows)
    with gzip.GzipFile(folder / "lab_world.tsv.gz", "wb", mtime=0) as out:
        out.write("id\tanswers\ttrain_count\n".encode())
        for fact, count in zip(facts, seen):
            out.write(f"{fact.id}\t{'|'.join(fact.answers)}\t{count}\n".encode())
    print({name: len(indices) for name, indices in by_band.items()}, "never seen:", int((seen == 0).sum()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    state = torch.load(args.run / "checkpoint.pt", weights_only=False)
    facts = world.facts()
    write_model(state, args.run / "tokenizer.json", ROOT / "models" / "rouse-lab.gguf")

    # The training stream once more, for its questions: held-out problems must not be among them.
    documents = corpus.Documents(facts, args.seed)
    questions, total = set(), int(state["seen"].sum())
    while int(documents.seen.sum()) < total:
        for prompt, completion in documents.take(64):
            if "The answer is" in completion:
                questions.add(prompt[len("Question: "):-len("\nAnswer:")])
    assert (documents.seen == state["seen"]).all(), "the stream does not reproduce"
    write_sets(facts, state["seen"], questions, ROOT / "models" / "lab")

    tokenizer = corpus.Tokenizer.from_file(str(args.run / "tokenizer.json"))
    texts = [p + c for p, c in corpus.Documents(facts, 1234).take(40)]
    texts += ["Is it 1234567890?", "  two  spaces\n\nand\tlines ", "São Paulo, Kraków & 東京 — naïve 😀", "it's we'll DON'T"]
    golden = [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts]
    write_lines(ROOT / "tests" / "golden" / "lab_tokens.jsonl", golden)


if __name__ == "__main__":
    main()
