"""What makes each lab model: its shape, its facts and texts, its training and the size of its test sets. See models/README.md."""
from dataclasses import dataclass

import corpus
import people
import problems
import world
from model import Config


@dataclass(frozen=True)
class Protocol:
    name: str
    file: str                 # the model, in models/
    folder: str               # its sets, in models/
    about: str
    config: Config
    n_row: int                # rows of a step
    length: int               # tokens of a row
    rate: float               # the highest learning rate
    bands: tuple              # (name, seen at least so often in training), falling
    n_fact: int               # items a band
    n_contrast: int
    n_problem: int
    numbers: problems.Numbers
    steps: int = 0            # of the learning rate's schedule; 0: as many as the planned documents fill
    n_person: int = 0
    n_real: int = 0           # real facts, the most prominent ones (0: all, drawn by prominence)
    n_problem_shown: int = 0
    n_scene: int = 0
    zipf: float = 0.0         # exposures of rank r fall as (r + q) ** -zipf from 1,000 to 1


PROTOCOLS = {p.name: p for p in (
    Protocol(
        name="lab-1", file="rouse-lab.gguf", folder="lab",
        about="A natively sparse 12 M parameter Mixture-of-Experts model of open facts and word problems",
        config=Config(), n_row=32, length=192, rate=2.5e-3, steps=3400,
        bands=(("head", 100), ("middle", 10), ("tail", 1)), n_fact=600, n_contrast=400, n_problem=500, numbers=problems.EASY),
    Protocol(
        name="lab-2", file="rouse-lab-2.gguf", folder="lab2",
        about="A fine-grained 17 M parameter Mixture-of-Experts model of open and invented facts and word problems, tail half known",
        config=Config(arch="qwen3moe", n_layer=8, n_embd=160, n_head=6, n_head_kv=3, n_head_dim=32, n_expert=64, n_expert_used=8,
                      n_ff_expert=64, norm_eps=1e-6),
        n_row=20, length=192, rate=2.5e-3,
        bands=(("head", 64), ("middle", 8), ("tail", 1)), n_fact=2400, n_contrast=800, n_problem=2400, numbers=problems.HARD,
        n_person=1000, n_real=8000, n_problem_shown=36_000, n_scene=4000, zipf=1.3),
)}


def facts(p: Protocol, seed: int) -> list[world.Fact]:
    """lab-1: every real fact, by relation. lab-2: real and invented ones in one ranking, most prominent first."""
    real = world.facts()
    if not p.n_real:
        return real
    cities = [f.subject for f in real if f.relation == "city.country"][:200]
    return corpus.ranked(sorted(real, key=lambda f: -f.weight)[:p.n_real], people.facts(p.n_person, cities, seed), seed)


def source(p: Protocol, facts: list[world.Fact], tokenizer, seed: int):
    """The training rows: a seeded stream (lab-1), or planned exposures (lab-2)."""
    if p.zipf:
        return corpus.Schedule(p, facts, tokenizer, seed)
    return corpus.Stream(p, facts, tokenizer, seed)
