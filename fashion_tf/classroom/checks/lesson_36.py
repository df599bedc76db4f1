"""Exercises of lesson 36: a Gram matrix by hand, maps of one style, and what the copied recipe costs."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, array, near, number, some_of

LETTERS = ["A", "B", "C", "D", "E", "F"]
_LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1", "conv5_2")


def _gram(maps):
    flat = np.asarray(maps, float).reshape(-1, np.shape(maps)[-1])
    return flat.T @ flat / len(flat)


def _draw_gram(generator):
    """`maps`: features of 2 x 3 places in 3 channels, whole numbers."""
    while True:
        maps = generator.integers(0, 7, (2, 3, 3))
        gram, means = _gram(maps), maps.reshape(6, 3).mean(0)
        if len(np.unique(maps.reshape(6, 3), axis=0)) == 6 and np.abs(gram - np.outer(means, means)).min() > 0.1:
            return SimpleNamespace(maps=maps)


def _judge_gram(answer, data):
    answer = array(answer, (3, 3), "a Gram matrix")
    gram = _gram(data.maps)
    means = np.asarray(data.maps).reshape(6, 3).mean(0)

    def is_like(other):
        return np.allclose(answer, other, rtol=0.01, atol=0.01)

    if is_like(gram):
        return "Entry (i, j) says how strongly channels i and j are active together, wherever that is."
    if is_like(6 * gram):
        raise Wrong("These are sums over the six places. Of a larger picture they would be larger: take the mean.")
    if is_like(np.outer(means, means)):
        raise Wrong("You multiplied the channels' means. What counts is whether two channels are active in the same "
                    "place: multiply first, then take the mean.")
    if is_like(gram - np.outer(means, means)):
        raise Wrong("This is the covariance: the means were subtracted first. The paper's matrix keeps them.")
    if not np.allclose(answer, answer.T, atol=0.01):
        raise Wrong("Channel i with channel j is channel j with channel i: the matrix must be symmetric, and yours is "
                    "not.")
    if np.allclose(np.diag(answer), np.diag(gram), rtol=0.01):
        raise Wrong("The diagonal is right, the rest is not: there the products are of two different channels.")
    raise Wrong("Not yet. Entry (i, j) is the mean over the six places of channel i times channel j, of "
                "mine.maps[row, column].")


def _draw_styles(generator):
    """`reference`, features of 2 x 3 places in 2 channels; and `maps`, six others by letter."""
    while True:
        reference = generator.integers(0, 10, (2, 3, 2))
        flat, same = reference.reshape(6, 2), int(generator.integers(2, 5))
        made = []
        for place in range(6):
            other = flat[generator.permutation(6)]  # its places moved about
            if place >= same and generator.random() < 0.6:
                other[:, 1] = other[generator.permutation(6), 1]
            elif place >= same:
                other = other[:, ::-1]
            made.append(other.reshape(2, 3, 2))
        order = generator.permutation(6)
        maps = {letter: made[place] for letter, place in zip(LETTERS, order)}
        apart = [np.abs(_gram(maps[letter]) - _gram(reference)).max() for letter in LETTERS]
        different = [gap for gap, place in zip(apart, order) if place >= same]
        if min(different) > 0.3 and len({each.tobytes() for each in [reference, *made]}) == 7:
            return SimpleNamespace(reference=reference, maps=maps)


def _judge_styles(answer, data):
    found = some_of(answer, LETTERS, "letters")
    right = {letter for letter in LETTERS if np.allclose(_gram(data.maps[letter]), _gram(data.reference))}
    if found == right:
        return "Moving the places about changes the content and leaves the style as it is."
    if not found:
        raise Wrong("There are some. The Gram matrix does not ask where a place is; what may be moved, then?")
    if found == set(LETTERS) - right:
        raise Wrong("These have another style; asked for are those of the same.")
    if accused := sorted(found - right):
        name = accused[0]
        exchanged = np.allclose(_gram(data.maps[name]), _gram(data.reference)[::-1, ::-1])
        why = ("its two channels are exchanged, and a channel is not a place" if exchanged else
               "its numbers are the same, but other pairs of them stand in one place")
        raise Wrong(f"{name} has another style: {why}.")
    raise Wrong(f"What you name has the same style, and there {'is' if len(right - found) == 1 else 'are'} "
                f"{len(right - found)} more.")


def _draw_cost(generator):
    """`cost`: millions of multiplications of each layer for one picture; `last`: the last layer that a loss uses."""
    while True:
        cost = {name: int(generator.integers(20, 400)) for name in _LAYERS}
        last = _LAYERS[int(generator.integers(4, 8))]
        cut = sum(list(cost.values())[:_LAYERS.index(last) + 1])
        if 1.2 < sum(cost.values()) / cut < 3 and abs(sum(cost.values()) / cut - 1.5) > 0.05:
            return SimpleNamespace(cost=cost, last=last)


def _judge_cost(answer, data):
    answer = number(answer, low=0)
    whole, cut = sum(data.cost.values()), sum(list(data.cost.values())[:_LAYERS.index(data.last) + 1])
    if near(answer, 3 * whole / cut):
        return "Two pictures that never change, and layers that nobody asks: most of the work is thrown away."
    if near(answer, cut / (3 * whole)):
        raise Wrong("This is the share that is needed; asked for is how many times as much the recipe does.")
    if near(answer, 3):
        raise Wrong("Three pictures instead of one: yes. But the layers after the last one that is used are computed, "
                    "too.")
    if near(answer, whole / cut):
        raise Wrong("The layers: yes. But the recipe sends three pictures through them in every step, and two of them "
                    "never change.")
    if near(answer, 3 * whole / data.cost[data.last]):
        raise Wrong(f"To reach {data.last}, all layers before it have to be computed as well.")
    if near(answer, 3 * whole / (cut - data.cost[data.last])):
        raise Wrong(f"{data.last} itself is needed, too.")
    raise Wrong("Not yet. Add up what the recipe computes in a step: three pictures, all layers. Divide by what is "
                "needed: one picture, up to the last layer that is used.")


EXERCISES = [Exercise(_draw_gram, _judge_gram), Exercise(_draw_styles, _judge_styles),
             Exercise(_draw_cost, _judge_cost)]
