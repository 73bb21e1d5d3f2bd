"""A little prose that states no fact: scenes from a small grammar, so that the model has seen text that is no question."""
import random

from problems import NAMES

PLACES = ["market", "harbour", "garden", "library", "station", "bakery", "river", "school", "bridge", "museum"]
WEATHER = ["It was raining", "The sun was out", "A cold wind blew", "It had snowed all night", "Fog lay over the roofs", "The air was warm"]
TIMES = ["In the morning", "At noon", "Late in the evening", "After lunch", "Before the shops opened", "On a quiet Sunday"]
ACTS = ["bought bread and a bunch of flowers", "met an old friend", "waited for the bus", "read the paper on a bench",
        "looked for a lost key", "fed the ducks", "drew the houses across the water", "talked about the weather for an hour"]
FEELINGS = ["was glad of it", "did not mind", "thought of home", "felt tired but content", "laughed about it later", "said nothing"]
ENDINGS = ["Then the lamps went on, one after another.", "Nobody was in a hurry.", "The way back was short.", "A dog barked somewhere.",
           "By then the streets were empty.", "The next day everything was as before."]


def scene(rng: random.Random) -> str:
    one, two = rng.sample(NAMES, 2)
    place, other = rng.sample(PLACES, 2)
    out = [f"{rng.choice(TIMES)} {one} walked to the {place}.", f"{rng.choice(WEATHER)}, and {one} {rng.choice(FEELINGS)}."]
    for name, where in ((one, place), (two, other))[:rng.randint(1, 2)]:
        out.append(f"At the {where} {name} {rng.choice(ACTS)}." if rng.random() < 0.6 else f"{name} {rng.choice(ACTS)} near the {where}.")
    if rng.random() < 0.5:
        out.append(f"{two} {rng.choice(FEELINGS)}.")
    out.append(rng.choice(ENDINGS))
    return " ".join(out)
