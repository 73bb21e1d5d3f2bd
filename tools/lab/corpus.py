"""Documents, tokenizer and packed training rows of rouse-lab. Everything follows from the seed."""
import itertools
import random

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import problems
import world

EOS = "<|endoftext|>"  # id 0; begins and ends every document
N_VOCAB = 2048
ARITHMETIC_SHARE = 0.13  # of documents; worked problems are about six times as long as a fact


def document(rng: random.Random, facts, cumulative, trained) -> tuple[str, str, int]:
    """(prompt, completion, fact index or -1)."""
    if rng.random() < ARITHMETIC_SHARE:
        question, work, _ = problems.problem(rng)
        return f"Question: {question}\nAnswer:", " " + work, -1
    index = rng.choices(range(len(facts)), cum_weights=cumulative)[0]
    fact = facts[index]
    return (world.question(fact, rng.choice(trained[fact.relation])), " " + rng.choice(fact.answers), index)


class Documents:
    """An endless seeded stream of documents."""

    def __init__(self, facts, seed: int):
        self.facts, self.rng = facts, random.Random(seed)
        self.cumulative = list(itertools.accumulate(f.weight for f in facts))
        self.trained = {relation: world.phrasings(relation)[0] for relation in world.PHRASINGS}
        self.seen = np.zeros(len(facts), dtype=np.int64)  # how often each fact was shown

    def take(self, count: int):
        out = []
        for _ in range(count):
            prompt, completion, index = document(self.rng, self.facts, self.cumulative, self.trained)
            if index >= 0:
                self.seen[index] += 1
            out.append((prompt, completion))
        return out


def train_tokenizer(facts, seed: int) -> Tokenizer:
    """Byte-level BPE with single digits: libllama's pre-tokenizer "smollm"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=N_VOCAB, special_tokens=[EOS], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    texts = [p + c for p, c in Documents(facts, seed + 1).take(60_000)]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def rows(documents: Documents, tokenizer: Tokenizer, n_row: int, length: int, prompt_weight: float):
    """Packs documents into rows: ids, targets, weights, positions, document numbers, each [n_row][length].

    A document is [EOS] prompt completion [EOS]; attention stays inside it. What does not fit starts the next row.
    """
    shape = (n_row, length)
    ids, targets = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    weights, positions = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
    segments = np.full(shape, -1, np.int64)
    queue = []
    for row in range(n_row):
        at = segment = 0
        while True:
            if not queue:
                batch = documents.take(64)
                prompts = tokenizer.encode_batch([p for p, _ in batch])
                ends = tokenizer.encode_batch([c for _, c in batch])
                queue = [([0] + p.ids, e.ids + [0]) for p, e in zip(prompts, ends)]
            prompt, completion = queue[-1]
            tokens = prompt + completion
            n = len(tokens) - 1
            if n > length:
                queue.pop()
                continue
            if at + n > length:
                break
            queue.pop()
            ids[row, at:at + n] = tokens[:-1]
            targets[row, at:at + n] = tokens[1:]
            weights[row, at:at + n] = prompt_weight
            weights[row, at + len(prompt) - 1:at + n] = 1.0
            positions[row, at:at + n] = np.arange(n)
            segments[row, at:at + n] = segment
            at, segment = at + n, segment + 1
    return ids, targets, weights, positions, segments
