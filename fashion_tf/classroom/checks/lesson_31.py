"""Exercises of lesson 31: what is missing from a list as it is in life, and an order that bars seem to show."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, some_of

COLUMNS = ["id", "masterCategory", "articleType", "baseColour", "usage", "productDisplayName"]
_ARTICLES = {"Tshirts": "Apparel", "Shirts": "Apparel", "Handbags": "Accessories", "Watches": "Accessories",
             "Belts": "Accessories", "Heels": "Footwear"}


def _draw_lines(generator):
    """`lines` of a file: the header, then a product each; its name is the last field, and may contain commas."""
    while True:
        lines = [",".join(COLUMNS)]
        for _ in range(int(generator.integers(36, 61))):
            article = list(_ARTICLES)[generator.integers(len(_ARTICLES))]
            colour = ("Black", "Blue", "Red", "White")[generator.integers(4)]
            is_set = generator.random() < 0.3
            missing = generator.random() < (0.5 if is_set else 0.25)
            usage = ("", "NA")[generator.integers(2)] if missing else ("Casual", "Formal", "Sports")[
                generator.integers(3)]
            name = f"Set of 3, black, red, {colour.lower()} {article}" if is_set else f"{colour} {article}"
            lines.append(",".join([str(generator.integers(1000, 60000)), _ARTICLES[article], article, colour, usage,
                                   name]))
        data = SimpleNamespace(lines=lines)
        if apart(_missing(data).values(), 0.02):
            return data


def _missing(data):
    """The share of products without a usage: rightly, and as several shortcuts have it."""
    commas = data.lines[0].count(",")
    rows = [line.split(",", commas) for line in data.lines[1:]]
    usage = [row[4] for row in rows]
    kept = [row[4] for row, line in zip(rows, data.lines[1:]) if line.count(",") == commas]
    return {"right": np.mean([value in ("", "NA") for value in usage]), "empty": np.mean([not v for v in usage]),
            "NA": np.mean([value == "NA" for value in usage]),
            "skipped": np.mean([value in ("", "NA") for value in kept]),
            "from the end": np.mean([line.split(",")[-2] in ("", "NA") for line in data.lines[1:]])}


def _judge_lines(answer, data):
    answer = number(answer, 0, 1, "a share of the products")
    shares = _missing(data)
    count = len(data.lines) - 1
    is_near = {name: near(answer, share, 0, 0.006) for name, share in shares.items()}
    if is_near["right"]:
        return (f"{shares['right']:.1%} of {count} products lack a usage; among those that a skipping reader keeps it "
                f"would be {shares['skipped']:.1%}.")
    if is_near["skipped"]:
        raise Wrong("This is the share among the lines that have as many commas as the header. The others are products "
                    "too: their names contain commas.")
    if is_near["empty"]:
        raise Wrong("You counted the empty fields. This file has a second spelling of nothing.")
    if is_near["NA"]:
        raise Wrong("You counted the fields that say NA. Others are empty, which is no usage either.")
    if is_near["from the end"]:
        raise Wrong("You took the last field but one of each line. Where the name contains commas, that is a part of "
                    "the name: count from the front.")
    raise Wrong(f"{answer:.3f} is not it. Part each line at its first {data.lines[0].count(',')} commas: in how many "
                f"of the {count} products is the usage empty, or NA?")


SHOPS = list("ABCDEFGH")


def _draw_shops(generator):
    """`shops`: for each letter, how many `Accessories` and how many `Footwear` a shop lists."""
    against = int(generator.integers(2, 4))
    kinds = ["against"] * against + ["undecided, more accessories"] * 2 + ["undecided"] + ["for"] * (5 - against)
    shops = {}
    for name, place in zip(SHOPS, generator.permutation(len(SHOPS))):
        far, little = 2.5 + 2 * generator.random(), 0.3 + 1.1 * generator.random()
        errors = {"against": far, "for": -far, "undecided": -little}.get(kinds[place], little)
        count = 10 ** (2 + 2 * generator.random())
        accessories = round((count + errors * np.sqrt(count)) / 2)
        shops[name] = {"Accessories": int(accessories), "Footwear": int(round(count) - accessories)}
    return SimpleNamespace(shops=shops)


def _errors(shop):
    """By how many standard errors the share of accessories lies above a half."""
    count = shop["Accessories"] + shop["Footwear"]
    share = shop["Accessories"] / count
    return (share - 0.5) / np.sqrt(share * (1 - share) / count)


def _judge_shops(answer, data):
    found = some_of(answer, SHOPS, "the shops' letters")
    errors = {name: _errors(shop) for name, shop in data.shops.items()}
    against = {name for name, value in errors.items() if value > 1.96}
    decided = {name for name, value in errors.items() if abs(value) > 1.96}
    if found == against:
        return "In these shops accessories outnumber footwear by more than luck; in the others the order may be true."
    if not found:
        raise Wrong("There are shops whose lists contradict it: the whole interval of the share of accessories lies "
                    "above one half.")
    if found == {name for name, value in errors.items() if value > 0}:
        raise Wrong("You name every shop with more accessories than footwear. In some of them the difference is one "
                    "that luck alone would bring: how wide is the interval?")
    if found == decided:
        raise Wrong("In these shops the interval leaves out one half, on either side. In which of them does it "
                    "contradict the order, and in which confirm it?")
    if found == decided - against:
        raise Wrong("These shops confirm the order: they list more footwear. Asked for are those that contradict it.")
    if confirming := sorted(found & decided - against):
        raise Wrong(f"Shop {confirming[0]} lists more footwear than accessories; that is the paper's order.")
    if undecided := sorted(found - decided):
        shop = data.shops[undecided[0]]
        share, count = shop["Accessories"] / sum(shop.values()), sum(shop.values())
        margin = 1.96 * np.sqrt(share * (1 - share) / count)
        raise Wrong(f"Shop {undecided[0]} decides nothing: its share of accessories is {share:.3f} ± {margin:.3f}, and "
                    "one half lies in it.")
    raise Wrong("What you name contradicts it, and there is at least one more. A small difference among many products "
                "can be surer than a large one among few.")


EXERCISES = [Exercise(_draw_lines, _judge_lines), Exercise(_draw_shops, _judge_shops)]
