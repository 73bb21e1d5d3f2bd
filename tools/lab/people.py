"""Invented persons with random attributes: facts that nothing but having been told can answer.

A real town's name gives its country away; a name of random syllables says nothing of where its bearer was born. Every
attribute of a person is drawn on its own, uniformly, so a model that was never told it guesses right once in 40 to 200 times.
"""
import random

from world import Fact

STARTS = ["b", "br", "d", "dr", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "z"]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "io"]
ENDS = ["", "", "", "l", "n", "r", "s", "x", "k", "m"]

PROFESSIONS = ("actor architect astronomer baker barber blacksmith botanist builder butcher carpenter chemist cook dancer dentist "
               "diver doctor engineer farmer fisher florist gardener geologist glazier historian hunter judge lawyer librarian "
               "mason miner nurse painter pilot plumber poet potter printer sailor sculptor singer soldier surgeon tailor teacher "
               "translator waiter weaver writer").split()
INSTRUMENTS = ("accordion bagpipe banjo bassoon bell bugle cello clarinet cornet cymbal drum dulcimer fiddle flute gong guitar "
               "harmonica harp harpsichord horn kazoo lute lyre mandolin marimba oboe ocarina organ piano piccolo recorder "
               "saxophone sitar tambourine triangle trombone trumpet tuba ukulele viola violin whistle xylophone zither").split()


def word(rng: random.Random, syllables: int) -> str:
    return "".join(rng.choice(STARTS) + rng.choice(VOWELS) + (rng.choice(ENDS) if i == syllables - 1 else "")
                   for i in range(syllables)).capitalize()


def facts(count: int, cities: list[str], seed: int) -> list[Fact]:
    """Five facts for each of count persons, a person's facts together. Weights are 0: exposures are planned, not drawn."""
    rng = random.Random(seed)
    employers = sorted({f"{word(rng, 2)} {kind}" for kind in ("Mills", "Bank", "Lines", "Press", "Works", "Tools") for _ in range(12)})
    years = [str(y) for y in range(1900, 2000)]
    pools = {"person.birthplace": cities, "person.profession": PROFESSIONS, "person.year": years,
             "person.instrument": INSTRUMENTS, "person.employer": employers}
    names: dict[str, None] = {}
    while len(names) < count:
        names[f"{word(rng, 2)} {word(rng, rng.choice((2, 2, 3)))}"] = None
    return [Fact(f"{relation}:{name}", relation, name, [rng.choice(pool)], 0.0, pool) for name in names for relation, pool in pools.items()]
