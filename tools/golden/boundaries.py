#!/usr/bin/env python3
"""boundaries.py: writes tests/golden/sentencepiece.gguf and boundaries.json: 200 pairs of a context and a continuation, as lm-evaluation-harness
0.4.13 encodes and scores them (its HFLM over transformers 4.55.4), with a SentencePiece and with a byte-level vocabulary.

The SentencePiece vocabulary is Mixtral's, from the package mistral-common, cut: of its 32,000 pieces those that occur in one of
the texts, so that every merge of the whole vocabulary can happen, and the first ones. The pieces of every text are compared with
the whole vocabulary's. Whole it would be 0.7 MB of names and 4 MB of embeddings.
The byte-level model is llama.gguf.

boundaries.py FOLDER: a model with the whole vocabulary there, for check_eval.py --reference.
"""
import json
import pathlib
import sys
import tempfile

import gguf
import mistral_common
import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from sentencepiece import SentencePieceProcessor
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaTokenizer, MixtralConfig, MixtralForCausalLM, PreTrainedTokenizerFast

import tiny

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
VOCABULARY = pathlib.Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1"
N_FIRST = 1500  # pieces that are kept whatever the texts

CONTEXTS = [
    "The capital of France is", "The capital of France is ", "The capital of France is   ", "He left.\n", "He left.\n\n",
    "He left. \n", "Question: What is 12 x 12?\nAnswer:", "Question: What is 12 x 12?\nAnswer: ", "1 + 1 =", "In the year 19",
    "$1,2", "東京は", "日本の首都は ", "中文。\u3000", "🙂", "🙂👍🏽 ", "tab\t", "no-break\u00a0", "thin\u2009", "line\u2028", "",
    " ", "\n", "\u3000", "print(", "def f(x):\n    ", "naïve café,", "l'", "e\u0301 ", "word\r\n", "   leading", "under\u2581",
    "A. yes\nB. no\nAnswer:",
]
CONTINUATIONS = [
    " Paris", "Paris", "He left", " He", "\nHe", "\n\n", " 1", "42", " 42.5 km", "00", "東京", " 東京です。", "🙂", " 🙂👍🏽", "  two",
    " A", " B", "é", ".", "'s", " a b  c\n", "return x", "\tx", "the the", " of the",
]
N_EACH = 6
LINES = [("He left.\n", ["He left", "42.5 km", "Paris", "東京"]),
         ("Rates rose to 3.133%.\n\n", ["He left", "42.5 km", "Paris", "東京"]), ("It was", [" He left", " Paris"])]


def pairs():
    """Every context with some continuations, all of them in turn."""
    out, at = [], 0
    for context in CONTEXTS:
        some = [CONTINUATIONS[(at + i) % len(CONTINUATIONS)] for i in range(N_EACH)]
        at += N_EACH + (context == "The capital of France is")  # a step that visits other combinations
        out.append((context, some + ([" Paris"] if " Paris" not in some and "France" in context else [])))
    return out


def texts(cases):
    return [c + t for c, some in cases for t in ["", *some]] + [c.rstrip() for c, _ in cases]


def cut_vocabulary(cases):
    """The model file's bytes with fewer pieces."""
    whole = pb.ModelProto.FromString(VOCABULARY.read_bytes())
    normal = ["\u2581" + t.replace(" ", "\u2581") for t in texts(cases + LINES)]
    keep = [i for i, p in enumerate(whole.pieces)
            if p.type != pb.ModelProto.SentencePiece.NORMAL or i < 259 + N_FIRST or any(p.piece in t for t in normal)]
    cut = pb.ModelProto.FromString(VOCABULARY.read_bytes())
    del cut.pieces[:]
    cut.pieces.extend(whole.pieces[i] for i in keep)
    cut.trainer_spec.vocab_size = len(keep)
    a, b = (SentencePieceProcessor(model_proto=m.SerializeToString()) for m in (whole, cut))
    for text in texts(cases + LINES):
        assert a.encode(text, out_type=str) == b.encode(text, out_type=str), text
    return cut


def mixtral(n_vocab):
    config = MixtralConfig(
        vocab_size=n_vocab, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=16, num_local_experts=4, num_experts_per_tok=2, sliding_window=None, max_position_embeddings=512,
        rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
        attn_implementation="eager")
    model = tiny.randomize(MixtralForCausalLM(config), 11)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(0.3)  # it is the head too
    return model


def write_gguf(model, vocabulary, path):
    c = model.config
    w = gguf.GGUFWriter(path, "llama")
    tiny.common_keys(w, c, "sentencepiece", c.num_key_value_heads, c.hidden_size // c.num_attention_heads, c.rope_theta)
    w.add_expert_count(c.num_local_experts)
    w.add_expert_used_count(c.num_experts_per_tok)
    kinds = {1: gguf.TokenType.NORMAL, 2: gguf.TokenType.UNKNOWN, 3: gguf.TokenType.CONTROL, 6: gguf.TokenType.BYTE}
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list([p.piece for p in vocabulary.pieces])
    w.add_token_scores([p.score for p in vocabulary.pieces])
    w.add_token_types([kinds[p.type] for p in vocabulary.pieces])
    w.add_bos_token_id(c.bos_token_id)
    w.add_eos_token_id(c.eos_token_id)
    w.add_unk_token_id(0)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    tiny.add_llama_tensors(w, model, "mixtral", tied=True)
    tiny.finish(w)


def byte_level():
    """The tokenizer of llama.gguf, by the library that SmolLM's comes from."""
    names, _, merges = tiny.vocabulary()
    bpe = Tokenizer(models.BPE({t: i for i, t in enumerate(names)}, [tuple(m.split(" ")) for m in merges]))
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    bpe.decoder = decoders.ByteLevel()
    end = "<|endoftext|>"
    bpe.post_processor = processors.TemplateProcessing(single=f"{end} $A", special_tokens=[(end, names.index(end))])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=end, eos_token=end)


class Watched(HFLM):
    """The harness's model, which shows what it encodes."""

    def _loglikelihood_tokens(self, requests, **kwargs):
        self.encoded = [(context, continuation) for _, context, continuation in requests]
        if any(not continuation for _, _, continuation in requests):
            return [(None, False)] * len(requests)
        return super()._loglikelihood_tokens(requests, **kwargs)


def scored(model, tokenizer, cases, add_bos=None):
    """[{context, context_tokens, pairs: [[continuation, tokens, log-likelihood]]}] by the harness."""
    lm = Watched(pretrained=model, tokenizer=tokenizer, add_bos_token=add_bos, batch_size=1, max_length=512)
    out = []
    for context, some in cases:
        rows = []
        for continuation in some:
            request = Instance("loglikelihood", {}, (context, continuation), 0)
            try:
                value = lm.loglikelihood([request], disable_tqdm=True)[0][0]
            except IndexError:  # an empty continuation of an empty context
                continue
            rows.append([continuation, lm.encoded[0][1], None if value is None else round(float(value), 5)])
        out.append({"context": context, "tokens": lm.encoded[0][0], "pairs": rows})
    return out


def lines(tokenizer):
    """Completions behind a newline, which is no part of them, as FACTOR's official script has it: of the joint text the last
    tokens, as many as the completion has by itself; with SentencePiece, which puts a space before that, as many as are left."""
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    out = []
    for context, completions in LINES:
        rows = []
        for completion in completions:
            whole, head = encode(context + completion), encode(context)
            tail = whole[-len(encode(completion)):] if tokenizer.is_fast else whole[len(head):]
            assert whole == head + tail
            rows.append([completion, tail])
        out.append({"context": context, "tokens": tokenizer.encode(context), "pairs": rows})
    return out


def save_whole(folder):
    """The same with the whole vocabulary, as GGUF and as transformers has it, for check_eval.py."""
    folder = pathlib.Path(folder)
    vocabulary = pb.ModelProto.FromString(VOCABULARY.read_bytes())
    model = mixtral(len(vocabulary.pieces))
    model.save_pretrained(folder)
    LlamaTokenizer(str(VOCABULARY), legacy=True, add_bos_token=True).save_pretrained(folder)
    write_gguf(model, vocabulary, str(folder / "model.gguf"))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        return save_whole(sys.argv[1])
    cases = pairs()
    vocabulary = cut_vocabulary(cases)
    model = mixtral(len(vocabulary.pieces))
    write_gguf(model, vocabulary, str(OUT / "sentencepiece.gguf"))
    with tempfile.NamedTemporaryFile(suffix=".model") as cut:
        cut.write(vocabulary.SerializeToString())
        cut.flush()
        tokenizer = LlamaTokenizer(cut.name, legacy=True, add_bos_token=True)
    whole = SentencePieceProcessor(model_file=str(VOCABULARY))
    golden = {
        "sentencepiece": scored(model, tokenizer, cases),
        "sentencepiece_without_bos": scored(model, tokenizer, [c for c in cases if c[0] in ("", "1 + 1 =", "He left.\n")], False),
        "byte_level": scored(tiny.llama(), byte_level(), cases),
        "sentencepiece_lines": lines(tokenizer),
        "byte_level_lines": lines(byte_level()),
    }
    for case in golden["sentencepiece"]:
        for continuation, tokens, _ in case["pairs"]:
            text = case["context"] + continuation
            assert tokenizer.convert_ids_to_tokens(tokenizer.encode(text)) == ["<s>", *whole.encode(text, out_type=str)], text
    n = [sum(len(c["pairs"]) for c in part) for part in golden.values()]
    (OUT / "boundaries.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(vocabulary.pieces), "pieces;", n, "pairs")


if __name__ == "__main__":
    main()
