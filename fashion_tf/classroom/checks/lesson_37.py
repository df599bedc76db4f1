"""Exercises of lesson 37: a vector between styles, pictures that were scaled twice, and whose style it is."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, array, some_of

LETTERS = ["A", "B", "C", "D", "E", "F"]
PAINTINGS = ["swirls", "embers", "mosaic", "ink"]


def _draw_ranges(generator):
    """`largest` and `smallest` value of six pictures of type float, by letter."""
    kinds = ["twice", "twice", "once", "never", "dark", generator.choice(["twice", "once", "dark", "signed"])]
    largest, smallest = {}, {}
    for letter, kind in zip(LETTERS, np.array(kinds)[generator.permutation(6)]):
        bright = 0.6 + 0.4 * float(generator.random())
        top = {"twice": bright / 255, "once": bright, "never": float(round(255 * bright)), "signed": bright,
               "dark": 0.02 + 0.1 * float(generator.random())}[str(kind)]
        largest[letter] = round(top, 5)
        smallest[letter] = round(-bright if kind == "signed" else 0.0, 5)
    return SimpleNamespace(smallest=smallest, largest=largest)


def _judge_ranges(answer, data):
    found = some_of(answer, LETTERS, "letters")
    right = {letter for letter in LETTERS if data.largest[letter] <= 1 / 255}
    if found == right:
        return "Nothing in them is brighter than 1/255: to a network that expects 0 to 1 they are black."
    if not found:
        raise Wrong("There are some: 255 divided by 255 twice is 1/255. Whose largest value is no larger?")
    if found == set(LETTERS) - right:
        raise Wrong("These were not; asked for are those that are too dark to be anything else.")
    if accused := sorted(found - right):
        name = accused[0]
        top = data.largest[name]
        why = ("it was not divided at all" if top > 1 else "it lies in -1 to 1, another scaling" if
               data.smallest[name] < 0 else "it is a dark picture, and yet far brighter than 1/255" if top < 0.3 else
               "it was divided once, as it should be")
        raise Wrong(f"{name}, up to {top:g}, was not divided twice: {why}.")
    raise Wrong("What you name was divided twice, and there is at least one more.")


def _draw_vectors(generator):
    """`own` style vector of a photo, those of three `styles`, their `shares` and the `strength`."""
    while True:
        own = generator.integers(-9, 10, 3).tolist()
        styles = {name: generator.integers(-9, 10, 3).tolist() for name in PAINTINGS[:3]}
        shares = dict(zip(styles, generator.permutation([1, 2, 5])[:3].tolist()))
        strength = float(generator.choice([0.2, 0.3, 0.7, 0.8]))
        data = SimpleNamespace(own=own, styles=styles, shares=shares, strength=strength)
        others = list(_plausible(data).values())
        if all(np.abs(one - other).max() > 0.3 for place, one in enumerate(others) for other in others[:place]):
            return data


def _plausible(data):
    own, styles = np.array(data.own, float), np.array(list(data.styles.values()), float)
    shares, strength = np.array(list(data.shares.values()), float), data.strength
    mixed = shares @ styles / shares.sum()
    return {"right": strength * mixed + (1 - strength) * own, "reversed": (1 - strength) * mixed + strength * own,
            "full": mixed, "sums": strength * (shares @ styles) + (1 - strength) * own,
            "alike": strength * styles.mean(0) + (1 - strength) * own, "added": own + strength * mixed}


def _judge_vectors(answer, data):
    answer = array(answer, (3,), "a style vector")
    near = {name for name, vector in _plausible(data).items() if np.allclose(answer, vector, atol=0.02)}
    if "right" in near:
        return "A weighted mean of vectors, and the network paints by it as by any other."
    if "reversed" in near:
        raise Wrong("Strength and its rest are exchanged: at strength 1 the photo's own vector counts nothing.")
    if "full" in near:
        raise Wrong(f"This is the paintings' mixture at full strength; asked for is {data.strength:g} of it, and the "
                    "rest of the photo's own vector.")
    if "sums" in near:
        raise Wrong("The shares are used as they are; they must add up to 1 first, or the vector grows with them.")
    if "alike" in near:
        raise Wrong("You take all paintings alike; they have shares.")
    if "added" in near:
        raise Wrong("The photo's own vector counts whole in yours; it gets the rest of the strength.")
    raise Wrong("Not yet. First mix the paintings' vectors by their shares (divided by the shares' sum), then go from "
                "the photo's own vector towards the mixture, as far as the strength says.")


def _draw_distances(generator):
    """`painted_with`, and the `distance` of each of six painted photos to each painting, in a network's features."""
    while True:
        painted = [PAINTINGS[place] for place in generator.integers(0, 4, 6)]
        level = 0.4 + 0.5 * generator.random(4)  # some paintings are near everything
        distance = np.round(level + 0.2 * generator.random((6, 4)), 2)
        wrong = generator.permutation(6)[:int(generator.integers(2, 4))]
        for row, name in enumerate(painted):
            others = np.delete(distance[row], PAINTINGS.index(name))
            step = 0.05 + 0.15 * generator.random()
            distance[row, PAINTINGS.index(name)] = round(float(others.min() + (step if row in wrong else -step)), 2)
        apart = np.sort(distance, axis=1)
        columns = {LETTERS[row] for row in range(6)
                   if distance[:, PAINTINGS.index(painted[row])].argmin() != row}
        right = {LETTERS[row] for row in wrong}
        if (apart[:, 1] - apart[:, 0]).min() > 0.02 and distance.min() > 0 and columns != right:
            return SimpleNamespace(painted_with=dict(zip(LETTERS, painted)), distance={
                letter: dict(zip(PAINTINGS, map(float, row))) for letter, row in zip(LETTERS, distance)})


def _judge_distances(answer, data):
    found = some_of(answer, LETTERS, "letters")
    nearest = {letter: min(row, key=row.get) for letter, row in data.distance.items()}
    right = {letter for letter in LETTERS if nearest[letter] != data.painted_with[letter]}
    if found == right:
        return f"{6 - len(right)} of 6 lie nearest to their own painting; a guess among four would find 1.5."
    if not found:
        raise Wrong("Not all of them lie nearest to the painting whose style they have.")
    if found == set(LETTERS) - right:
        raise Wrong("These lie nearest to their own painting; asked for are the others.")
    if accused := sorted(found - right):
        name = accused[0]
        raise Wrong(f"{name} was painted with {data.painted_with[name]}, and of its row that distance is the smallest.")
    raise Wrong("What you name lies nearer to another painting, and there is at least one more.")


EXERCISES = [Exercise(_draw_vectors, _judge_vectors), Exercise(_draw_ranges, _judge_ranges),
             Exercise(_draw_distances, _judge_distances)]
