"""Documents, tokenizer and packed training rows of the lab models. Everything follows from the seed.

lab-1 draws facts by prominence (Stream). lab-2 plans how often each fact is shown (Schedule): its bands are exact by
construction, and a fact's exposures lie evenly over the training, so that rare facts are not merely old ones.
"""
import itertools
import random

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import problems
import prose
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


def train_tokenizer(texts) -> Tokenizer:
    """Byte-level BPE with single digits: libllama's pre-tokenizer "smollm"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=N_VOCAB, special_tokens=[EOS], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Rows:
    """Packed documents: ids, targets, weights, positions, document numbers, each [n_row][length].

    A document is [EOS] prompt completion [EOS]; attention stays inside it.
    """

    def __init__(self, n_row: int, length: int):
        shape = (n_row, length)
        self.ids, self.targets = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.weights, self.positions = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
        self.segments = np.full(shape, -1, np.int64)

    def put(self, row: int, at: int, segment: int, prompt: list[int], completion: list[int], prompt_weight: float) -> int:
        """Writes a document at a place; returns the place after it."""
        tokens = prompt + completion
        n = len(tokens) - 1
        self.ids[row, at:at + n] = tokens[:-1]
        self.targets[row, at:at + n] = tokens[1:]
        self.weights[row, at:at + n] = prompt_weight
        self.weights[row, at + len(prompt) - 1:at + n] = 1.0
        self.positions[row, at:at + n] = np.arange(n)
        self.segments[row, at:at + n] = segment
        return at + n

    def arrays(self):
        return self.ids, self.targets, self.weights, self.positions, self.segments


def encode(tokenizer: Tokenizer, documents):
    """Each text once: most exposures of a plan say what others said before."""
    known = {}
    for part in (0, 1):
        texts = list(dict.fromkeys(d[part] for d in documents))
        known[part] = dict(zip(texts, (e.ids for e in tokenizer.encode_batch(texts))))
    return [([0] + known[0][d[0]], known[1][d[1]] + [0]) for d in documents]


class Stream:
    """lab-1: facts drawn by prominence for as long as training goes on. What does not fit a row starts the next one."""

    def __init__(self, p, facts, tokenizer, seed: int):
        self.p, self.tokenizer, self.documents = p, tokenizer, Documents(facts, seed)
        self.seed, self.n_step = seed, p.steps

    @staticmethod
    def texts(p, facts, seed: int):
        """What the tokenizer learns from."""
        return [prompt + completion for prompt, completion in Documents(facts, seed + 1).take(60_000)]

    def rows(self, step: int, prompt_weight: float):
        out, queue = Rows(self.p.n_row, self.p.length), []
        for row in range(self.p.n_row):
            at = segment = 0
            while True:
                if not queue:
                    queue = encode(self.tokenizer, self.documents.take(64))
                n = sum(map(len, queue[-1])) - 1
                if n <= self.p.length:
                    if at + n > self.p.length:
                        break
                    at, segment = out.put(row, at, segment, *queue[-1], prompt_weight), segment + 1
                queue.pop()
        return out.arrays()

    def seen(self, step: int):
        return self.documents.seen

    def state(self):
        return {"rng": self.documents.rng.getstate(), "seen": self.documents.seen}

    def restore(self, state):
        self.documents.rng.setstate(state["rng"])
        self.documents.seen = state["seen"]

    def problems(self, total: int):
        """The problems shown until so many facts were: held-out ones must not be among them."""
        again, out = Documents(self.documents.facts, self.seed), set()
        while int(again.seen.sum()) < total:
            out |= {prompt for prompt, completion in again.take(64) if "The answer is" in completion}
        assert int(again.seen.sum()) == total, "the stream does not reproduce"
        return out


TAIL = 7  # an invented fact shown so often or less is shown in one phrasing only


def ranked(real, invented, seed: int):
    """One ranking: real facts by prominence, each invented person's facts together at a random place among them."""
    rng = random.Random(seed)
    groups = {}
    for f in invented:
        groups.setdefault(f.subject, []).append(f)
    places = sorted((rng.random() * len(real), i) for i in range(len(groups)))
    out, persons = [], list(groups.values())
    for at, fact in enumerate(real):
        while places and places[0][0] <= at:
            out += persons[places.pop(0)[1]]
        out.append(fact)
    return out + [f for _, i in places for f in persons[i]]


def exposures(count: int, zipf: float, most: int = 1000):
    """How often the fact of each rank is shown: Zipf-Mandelbrot from `most` down to 1."""
    ratio = most ** (1 / zipf)
    shift = (count - ratio) / (ratio - 1)
    return np.maximum(1, np.round(most * ((np.arange(1, count + 1) + shift) / (1 + shift)) ** -zipf)).astype(np.int64)


def single_phrasing(fact, count: int, seed: int):
    """The one phrasing of a rarely shown invented fact, else None."""
    if count > TAIL or not fact.relation.startswith("person."):
        return None
    return random.Random(f"{seed} {fact.id}").choice(world.phrasings(fact.relation)[0])


class Schedule:
    """lab-2: every document of the training in its order, packed at the start; a step is a slice of the rows."""

    OPEN = 48  # rows that are filled side by side, which leaves about 3% of the places empty

    def __init__(self, p, facts, tokenizer, seed: int):
        self.p, self.n_fact = p, len(facts)
        documents = self.documents(p, facts, seed)
        self.tokens, self.index = encode(tokenizer, documents), [d[2] for d in documents]
        self.questions = [d[0] if d[2] == -1 else None for d in documents]
        self.packed, open_rows = [], []
        for n, (prompt, completion) in enumerate(self.tokens):
            size = len(prompt) + len(completion) - 1
            if size > p.length:  # one problem in hundreds; a planned fact must not be lost
                assert self.index[n] == -1, documents[n]
                continue
            fit = next((r for r in open_rows if r[0] + size <= p.length), None)
            if fit is None:
                if len(open_rows) == self.OPEN:
                    self.packed.append(open_rows.pop(0)[1])
                fit = [0, []]
                open_rows.append(fit)
            fit[0] += size
            fit[1].append(n)
        self.packed += [r[1] for r in open_rows]
        self.n_step = -(-len(self.packed) // p.n_row)

    @staticmethod
    def documents(p, facts, seed: int):
        """(prompt, completion, fact index; -1 a problem, -2 a scene) in the order of training."""
        rng, out = random.Random(seed), []
        for i, (fact, count) in enumerate(zip(facts, exposures(len(facts), p.zipf).tolist())):
            one, trained, phase = single_phrasing(fact, count, seed), world.phrasings(fact.relation)[0], rng.random()
            for n in range(count):
                phrasing = one or rng.choice(trained)
                out.append(((n + phase) / count, world.question(fact, phrasing), " " + rng.choice(fact.answers), i))
        for _ in range(p.n_problem_shown):
            question, work, _ = problems.problem(rng, p.numbers)
            out.append((rng.random(), f"Question: {question}\nAnswer:", " " + work, -1))
        for _ in range(p.n_scene):
            out.append((rng.random(), "", prose.scene(rng), -2))
        out.sort(key=lambda d: d[0])
        return [d[1:] for d in out]

    @classmethod
    def texts(cls, p, facts, seed: int):
        """What the tokenizer learns from: every fact once, some problems and scenes."""
        rng = random.Random(seed + 1)
        documents = cls.documents(p, facts, seed)
        return [prompt + completion for prompt, completion, _ in rng.sample(documents, min(60_000, len(documents)))]

    def shown(self, step: int):
        return [n for row in self.packed[:step * self.p.n_row] for n in row]

    def rows(self, step: int, prompt_weight: float):
        out = Rows(self.p.n_row, self.p.length)
        for row, documents in enumerate(self.packed[step * self.p.n_row:(step + 1) * self.p.n_row]):
            at = 0
            for segment, n in enumerate(documents):
                at = out.put(row, at, segment, *self.tokens[n], prompt_weight)
        return out.arrays()

    def seen(self, step: int):
        index = np.array([self.index[n] for n in self.shown(step)])
        return np.bincount(index[index >= 0], minlength=self.n_fact)

    def state(self):
        return {}

    def restore(self, state):
        pass

    def problems(self, total: int):
        """Every problem of the plan, shown yet or not."""
        return {q for q in self.questions if q}
