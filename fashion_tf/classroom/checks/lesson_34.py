"""Exercises of lesson 34: what an order at random scores, who is nearest, and what an outfit test shows."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, kind, near, number, some_of

TYPES = ["Tshirts", "Shirts", "Watches", "Heels", "Belts", "Caps"]


def _draw_counts(generator):
    """`products`: how many products of each article type an index holds. No two are variants of each other."""
    while True:
        types = int(generator.integers(4, 7))
        counts = np.sort(2 + (45 * generator.random(types) ** 2).astype(int))[::-1]
        data = SimpleNamespace(products=dict(zip(TYPES, counts.tolist())))
        if apart(np.log([*_chances(data).values()]), 0.03):
            return data


def _chances(data):
    """Precision of an order at random: mean over queries, mean over types, and as several shortcuts have it."""
    counts = np.array([*data.products.values()])
    total = counts.sum()
    of_type = (counts - 1) / (total - 1)
    return {"micro": np.sum(counts * of_type) / total, "macro": np.mean(of_type),
            "itself": np.sum(counts ** 2) / total ** 2, "types": 1 / len(counts), "largest": counts.max() / total}


def _judge_chance(answer, data):
    answer = number(answer, 0, 1, "a precision")
    chances = _chances(data)
    is_near = {name: near(answer, value, 0.012) for name, value in chances.items()}
    if is_near["micro"]:
        return (f"{chances['micro']:.3f} without looking at a photo; the mean over types is {chances['macro']:.3f}, "
                "for whoever asks with the commonest type finds it by luck.")
    if is_near["itself"]:
        raise Wrong("This lets a product find itself. The query is left out: of its own type one fewer is left, and "
                    "one fewer in all.")
    if is_near["macro"]:
        raise Wrong("This is the mean over *types*. Asked for is the mean over products: a type with many products is "
                    "asked for as often.")
    if is_near["types"]:
        raise Wrong("This would be the chance if every type had as many products. Here they differ.")
    if is_near["largest"]:
        raise Wrong("This is the share of the commonest type: what its own queries find, not what all do.")
    if near(answer, min(6 * chances["micro"], 1), 0.012):
        raise Wrong("So many of six are right on average. Precision is their share: does it depend on how many are "
                    "looked at?")
    raise Wrong(f"{answer:.3f} is not it. Of the other products, what share has a query's type? Take the mean over all "
                "products as queries.")


PRODUCTS = ["amber", "birch", "cedar", "denim", "ebony", "frost", "grape", "hazel", "ivory", "jade"]


def _draw_nearest(generator):
    """`embeddings`: four numbers for each product, not of length 1; the `design` it is a colour variant of; and the
    `query`."""
    while True:
        directions = generator.gamma(0.7, size=(len(PRODUCTS), 4))
        order = generator.permutation(len(PRODUCTS))
        query, variant = order[:2]
        directions[variant] = directions[query] * (1 + 0.1 * generator.standard_normal(4))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        vectors = np.round(directions * (2 + 12 * generator.random((len(PRODUCTS), 1))), 1)
        designs = [f"design {number}" for number in generator.permutation(90)[:len(PRODUCTS)]]
        designs[variant] = designs[query]
        data = SimpleNamespace(query=PRODUCTS[query], embeddings=dict(zip(PRODUCTS, vectors.tolist())),
                               design=dict(zip(PRODUCTS, designs)))
        cosines = np.sort([_cosine(data, name) for name in _others(data)])[::-1][:4]
        found = [*_ways(data).values()]
        if (np.linalg.norm(vectors, axis=1).min() > 1 and np.diff(-cosines).min() > 0.015
                and len({tuple(one) for one in found}) == len({frozenset(one) for one in found}) == len(found)):
            return data


def _others(data, variants=False):
    """The products that a query may find."""
    own = data.design[data.query]
    return [name for name in data.embeddings if name != data.query and (variants or data.design[name] != own)]


def _cosine(data, name):
    one, other = (np.array(data.embeddings[which]) for which in (data.query, name))
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def _ways(data):
    """The three first by cosine; by dot product; by distance; by cosine, variants included."""
    query, vectors = np.array(data.embeddings[data.query]), data.embeddings
    scores = {"cosine": lambda name: _cosine(data, name), "dot product": lambda name: query @ np.array(vectors[name]),
              "distance": lambda name: -np.linalg.norm(query - np.array(vectors[name]))}
    found = {way: sorted(_others(data), key=score, reverse=True)[:3] for way, score in scores.items()}
    found["variants"] = sorted(_others(data, variants=True), key=scores["cosine"], reverse=True)[:3]
    return found


def _judge_nearest(answer, data):
    found = some_of(answer, PRODUCTS, "the products' names")
    ways = _ways(data)
    right = ways["cosine"]
    if answer == right:
        return "Lengths do not count, and neither does what is the same product in another colour."
    if len(found) != 3:
        raise Wrong(f"The answer is a list of three names; yours is {kind(answer)}.")
    if data.query in found:
        raise Wrong("The query finds itself first, with a similarity of 1. Leave it out by its place in the index.")
    if answer == ways["variants"] or any(data.design[name] == data.design[data.query] for name in found):
        raise Wrong("Among them is a colour variant of the query, of the same design. To find it is to recognise, not "
                    "to recommend: leave out the whole group.")
    if found == set(right):
        raise Wrong("These are the three, in another order: the most similar stands first.")
    if found == set(ways["dot product"]):
        raise Wrong("You took the largest dot products. These vectors have different lengths, and a long one wins "
                    "against every query: divide each by its length first.")
    if found == set(ways["distance"]):
        raise Wrong("You took the smallest distances, which the lengths decide too. The cosine looks at the directions "
                    "alone.")
    stranger = next(name for name in answer if name not in right)
    missed = next(name for name in right if name not in found)
    raise Wrong(f"{stranger} has a cosine of {_cosine(data, stranger):.2f} with {data.query}; another product that you "
                f"do not name has {_cosine(data, missed):.2f}.")


NETWORKS = list("ABCDEFGH")


def _draw_tests(generator):
    """`tests`: for each network the 95 % intervals of the share that `outfit` beats, of what the strip `beside` the
    person beats, and of the `difference`."""
    shown = int(generator.integers(2, 4))
    kinds = ["shown"] * shown + ["photograph"] * 2 + ["photograph decides", "below a half"] + ["neither"] * (4 - shown)
    tests = {}
    for name, place in zip(NETWORKS, generator.permutation(len(NETWORKS))):
        luck = generator.random(3)
        middle, gain = {"shown": (0.58 + 0.06 * luck[0], 0.05 + 0.04 * luck[1]),
                        "photograph": (0.58 + 0.08 * luck[0], -0.01 + 0.025 * luck[1]),
                        "photograph decides": (0.58 + 0.06 * luck[0], -0.10 + 0.04 * luck[1]),
                        "below a half": (0.47 + 0.04 * luck[0], 0.06 + 0.04 * luck[1]),
                        "neither": (0.48 + 0.04 * luck[0], -0.01 + 0.02 * luck[1])}[kinds[place]]
        half = 0.030 + 0.012 * luck[2]
        tests[name] = {"outfit": _interval(middle, half), "beside": _interval(middle - gain, half),
                       "difference": _interval(gain, 0.030 + 0.012 * luck[1])}
    return SimpleNamespace(tests=tests)


def _interval(middle, half):
    return [round(float(middle - half), 3), round(float(middle + half), 3)]


def _judge_tests(answer, data):
    found = some_of(answer, NETWORKS, "the networks' letters")
    above = {name for name, test in data.tests.items() if test["outfit"][0] > 0.5}
    more = {name for name, test in data.tests.items() if test["difference"][0] > 0}
    shown = above & more
    if found == shown:
        return "The outfit beats chance, and it beats the wall beside the person: here the clothes say something."
    if not found:
        raise Wrong("There are networks that show it: the outfit does better than chance, and better than what knows "
                    "the photograph and no outfit.")
    if found == above:
        raise Wrong("These beat one half. In some of them a strip of wall does as well, so the photograph may have "
                    "given the piece away.")
    if found == more:
        raise Wrong("In these the outfit does better than the strip beside the person. In some it is no better than "
                    "chance: more than less than nothing is not enough.")
    if found == {name for name, test in data.tests.items() if test["outfit"][0] > test["beside"][1]}:
        raise Wrong("You want the two intervals apart. Both were measured on the same photos: the interval of the "
                    "difference decides, and it is narrower.")
    if luck := sorted(found - above):
        low, high = data.tests[luck[0]]["outfit"]
        raise Wrong(f"Network {luck[0]}: its outfit beats {low} to {high} of the others, and one half is chance.")
    if photograph := sorted(found - more):
        low, high = data.tests[photograph[0]]["difference"]
        raise Wrong(f"Network {photograph[0]}: outfit less beside is {low:+} to {high:+}. The photograph alone may do "
                    "as much.")
    raise Wrong("What you name shows it, and there is at least one more.")


EXERCISES = [Exercise(_draw_counts, _judge_chance), Exercise(_draw_nearest, _judge_nearest),
             Exercise(_draw_tests, _judge_tests)]
