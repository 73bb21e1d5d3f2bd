#!/usr/bin/env python3
"""From a checkpoint of train.py to the model file, its evaluation sets and its fact list.

export.py --run DIR [--weights FILE] [--out FOLDER]: into models/, or into a folder to look at a training that goes on.
"""
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
import protocol
import world

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAT_TEMPLATE = ("{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}\nAnswer:"
                 "{% elif m.role == 'assistant' %} {{ m.content }}\n\n{% else %}{{ m.content }}\n\n{% endif %}{% endfor %}")

def write_model(state, name, about, tokenizer_file, path):
    c = state["config"]
    w = gguf.GGUFWriter(str(path), c["arch"])
    w.add_name(name)
    w.add_description(about)
    w.add_license("MIT")
    w.add_context_length(c["n_ctx"])
    w.add_embedding_length(c["n_embd"])
    w.add_block_count(c["n_layer"])
    w.add_feed_forward_length(c["n_ff_expert"] * (1 if c["arch"] == "llama" else c["n_expert_used"]))
    if c["arch"] == "qwen3moe":
        w.add_expert_feed_forward_length(c["n_ff_expert"])
        w.add_key_length(c["n_head_dim"])
        w.add_value_length(c["n_head_dim"])
    w.add_head_count(c["n_head"])
    w.add_head_count_kv(c["n_head_kv"])
    w.add_rope_dimension_count(c["n_head_dim"])
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
        if c["arch"] == "qwen3moe":
            add(b + "attn_q_norm.weight", m[p + "q_norm.weight"], False)
            add(b + "attn_k_norm.weight", m[p + "k_norm.weight"], False)
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


def band(p, count):
    return next((name for name, least in p.bands if count >= least), None)


def write_lines(path, rows):
    """Gzipped where the name says so; rouse reads both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    print(path, len(rows), "items,", path.stat().st_size, "bytes")


def fact_items(p, facts, seen, seed, rng):
    """Fact and item of every band. Where a band has fewer facts than items, its facts come again in their other phrasings: held-out
    ones first, then trained ones, which for a head fact are no less a control."""
    planned = corpus.exposures(len(facts), p.zipf) if p.zipf else seen
    for name, _ in p.bands:
        indices = [i for i in range(len(facts)) if band(p, seen[i]) == name]
        order = rng.sample(indices, min(p.n_fact, len(indices)))
        asked = {}
        for i in order:
            trained, held = world.phrasings(facts[i].relation)
            asked[i] = rng.sample(held, len(held)) + rng.sample(trained, len(trained))
        items = [(i, turn) for turn in range(20) for i in order if turn < len(asked[i])][:p.n_fact]
        for i, turn in items:
            fact = facts[i]
            trained = corpus.single_phrasing(fact, int(planned[i]), seed) if p.zipf else None
            yield fact, {"id": fact.id + (f"#{turn + 1}" if turn else ""), "band": name, "train_count": int(seen[i]), "relation": fact.relation,
                         "question": world.question(fact, asked[i][turn]),
                         "question_trained": world.question(fact, trained or rng.choice(world.phrasings(fact.relation)[0]))}


def write_sets(p, facts, seen, trained_problems, folder, train_seed, seed=99):
    rng = random.Random(seed)
    fact_rows, contrast_rows, problem_rows, contrasts = [], [], [], {}
    for fact, item in fact_items(p, facts, seen, train_seed, rng):
        fact_rows.append(item | {"answers": fact.answers})
        contrasts[item["band"]] = contrasts.get(item["band"], 0) + 1
        if contrasts[item["band"]] <= p.n_contrast:
            contrast_rows.append(item | {"completion": " " + fact.answers[0],
                                         "contradictions": [" " + a for a in world.wrong_answers(fact, 3, rng)]})
    while len(problem_rows) < p.n_problem:
        question, work, answer = problems.problem(rng, p.numbers)
        prompt = f"Question: {question}\nAnswer:"
        if prompt not in trained_problems:  # held out
            problem_rows.append({"id": f"problem:{len(problem_rows)}", "question": prompt, "answer": answer, "steps": work.count("=")})
    write_lines(folder / f"lab_facts.jsonl{'.gz' if len(fact_rows) > 4000 else ''}", fact_rows)
    write_lines(folder / "lab_contrast.jsonl", contrast_rows)
    write_lines(folder / "lab_arithmetic.jsonl", problem_rows)
    with gzip.GzipFile(folder / "lab_world.tsv.gz", "wb", mtime=0) as out:
        out.write("id\tanswers\ttrain_count\n".encode())
        for fact, count in zip(facts, seen):
            out.write(f"{fact.id}\t{'|'.join(fact.answers)}\t{count}\n".encode())
    print({name: sum(band(p, n) == name for n in seen) for name, _ in p.bands}, "never seen:", int((seen == 0).sum()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path, help="instead of the run's checkpoint.pt")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models")
    args = parser.parse_args()
    state = torch.load(args.weights or args.run / "checkpoint.pt", weights_only=False)
    p, seed = protocol.PROTOCOLS[state["protocol"]], state["seed"]
    facts = protocol.facts(p, seed)
    tokenizer = corpus.Tokenizer.from_file(str(args.run / "tokenizer.json"))
    args.out.mkdir(parents=True, exist_ok=True)
    write_model(state, p.file.removesuffix(".gguf"), p.about, args.run / "tokenizer.json", args.out / p.file)
    source = protocol.source(p, facts, tokenizer, seed)
    write_sets(p, facts, state["seen"], source.problems(int(state["seen"].sum())), args.out / p.folder, seed)

    texts = source.texts(p, facts, 1233)[:40]
    texts += ["Is it 1234567890?", "  two  spaces\n\nand\tlines ", "São Paulo, Kraków & 東京 — naïve 😀", "it's we'll DON'T"]
    golden = [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts]
    if args.out == ROOT / "models":
        write_lines(ROOT / "tests" / "golden" / f"{p.folder}_tokens.jsonl", golden)


if __name__ == "__main__":
    main()
