"""Generated word problems of two to four steps with worked reasoning that ends "The answer is N."

Each problem is a story of one quantity: it starts with a number and every sentence changes it. Half the stories carry a
distractor (a number that does not matter), and some change units (dozens, hours, dollars) on the way.
"""
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Numbers:
    """Bounds of the numbers in a story; lab-1's, unless given."""
    start: tuple[int, int] = (12, 180)
    boxes: tuple[int, int] = (3, 19)
    each: tuple[int, int] = (4, 29)
    dozens: tuple[int, int] = (2, 15)
    distractor: tuple[int, int] = (3, 60)
    more: tuple[int, int] = (3, 150)
    dozens_more: tuple[int, int] = (2, 6)
    factor: tuple[int, int] = (2, 4)
    largest_scaled: int = 250


EASY = Numbers()
HARD = Numbers(start=(30, 400), boxes=(4, 25), each=(5, 35), dozens=(3, 25), distractor=(3, 99), more=(10, 400), dozens_more=(2, 12),
               factor=(2, 5), largest_scaled=400)

NAMES = ["Anna", "Ben", "Carla", "David", "Emma", "Farid", "Grace", "Hugo", "Ivy", "Jamal", "Kira", "Liam", "Mona", "Noah",
         "Olga", "Pablo", "Rosa", "Sam", "Tina", "Umar", "Vera", "Will", "Yara", "Zoe"]
ITEMS = ["apples", "books", "coins", "cards", "eggs", "pencils", "stamps", "marbles", "shells", "cookies", "roses", "tickets"]
CONTAINERS = ["boxes", "bags", "baskets", "jars"]
COLOURS = ["red", "blue", "green", "old"]


def problem(rng: random.Random, numbers: Numbers = EASY) -> tuple[str, str, str]:
    """(question, worked answer, final number)."""
    name, other = rng.sample(NAMES, 2)
    item = rng.choice(ITEMS)
    steps = rng.choice([2, 3, 3, 4, 4])
    story, work = [], []
    kind = rng.random()
    if kind < 0.4:
        value = rng.randint(*numbers.start)
        story.append(f"{name} has {value} {item}.")
        left = steps
    elif kind < 0.7:
        boxes, each = rng.randint(*numbers.boxes), rng.randint(*numbers.each)
        value = boxes * each
        story.append(f"{name} has {boxes} {rng.choice(CONTAINERS)} with {each} {item} in each.")
        work.append(f"{boxes} * {each} = {value}.")
        left = steps - 1
    else:
        dozens = rng.randint(*numbers.dozens)
        value = dozens * 12
        story.append(f"{name} has {dozens} dozen {item}.")
        work.append(f"{dozens} * 12 = {value}.")
        left = steps - 1
    distractor_at = rng.randrange(left) if rng.random() < 0.5 else -1
    for step in range(left):
        if step == distractor_at:
            n = rng.randint(*numbers.distractor)
            story.append(rng.choice([f"{other} has {n} {item}.", f"{other} is {n} years old.",
                                     f"{n} people live on the street."]))
        ops = ["buy", "give", "find", "lose", "split", "scale"]
        op = rng.choice(ops)
        if op == "split":
            divisors = [d for d in range(2, 10) if value % d == 0 and value >= 2 * d]
            if divisors:
                d = rng.choice(divisors)
                story.append(rng.choice([f"{name} shares them equally among {d} friends and looks at one share.",
                                         f"{name} keeps one of {d} equal parts."]))
                work.append(f"{value} / {d} = {value // d}.")
                value //= d
                continue
            op = "buy"
        if op == "scale":
            if value <= numbers.largest_scaled:
                m = rng.randint(*numbers.factor)
                story.append(rng.choice([f"Then the number grows to {m} times as many.",
                                         f"{other} makes it {m} times as many."]))
                work.append(f"{value} * {m} = {value * m}.")
                value *= m
                continue
            op = "give"
        if op in ("give", "lose") and value >= 8:
            n = rng.randint(2, max(3, value * 2 // 3))
            story.append(f"{name} gives {n} {item} to {other}." if op == "give" else f"{name} loses {n} of them.")
            work.append(f"{value} - {n} = {value - n}.")
            value -= n
        else:
            if rng.random() < 0.2:
                d = rng.randint(*numbers.dozens_more)
                story.append(f"{name} buys {d} dozen more.")
                work.append(f"{d} * 12 = {12 * d}. {value} + {12 * d} = {value + 12 * d}.")
                value += 12 * d
            else:
                n = rng.randint(*numbers.more)
                story.append(f"{name} {'buys' if op == 'buy' else 'finds'} {n} more.")
                work.append(f"{value} + {n} = {value + n}.")
                value += n
    ask = rng.choice([f"How many {item} are there now?", f"How many {item} does {name} end up with?"])
    return f"{' '.join(story)} {ask}", f"{' '.join(work)} The answer is {value}.", str(value)
