"""Exercises of lesson 42: which two styles are mixed up, and which labels a model does not believe."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, some_of

STYLES = ["gal", "lolita", "mode", "retro", "rock", "street"]
PHOTOS = 10


def _pairs(counts, both=True, shares=True):
    """(value, two places) of each pair of classes, the largest first."""
    values = counts / counts.sum(1, keepdims=True) if shares else counts
    found = [((values[a, b] + values[b, a]) if both else max(values[a, b], values[b, a]), (a, b))
             for a in range(len(counts)) for b in range(a)]
    return sorted(found, reverse=True)


def _draw_matrix(generator):
    """`styles`, and `counts`: rows are the true styles, columns the predicted ones."""
    while True:
        totals = generator.permutation([20, 35, 60, 110, 200, 320])
        counts = np.array([generator.multinomial(total, _row(generator, own)) for own, total in enumerate(totals)])
        ways = [_pairs(counts, both, shares) for both, shares in ((True, True), (False, True), (True, False))]
        if ways[0][0][0] > 1.15 * ways[0][1][0] and len({way[0][1] for way in ways}) == 3:
            return SimpleNamespace(styles=list(STYLES), counts=counts)


def _row(generator, own):
    shares = generator.dirichlet(np.full(6, 0.7))
    shares[own] += generator.uniform(0.8, 1.6)
    return shares / shares.sum()


def _judge_matrix(answer, data):
    found = some_of(answer, STYLES, "two styles' names")
    if len(found) != 2:
        raise Wrong(f"Two styles are asked for; yours are {len(found)}.")
    counts = np.asarray(data.counts)
    ways = [(_pairs(counts, both, shares)[0][1], told) for both, shares, told in (
        (True, True, ""),
        (False, True, "One of the two is often taken for the other, but hardly the other way round. Add both ways."),
        (True, False, "These two have the most mistakes because they have the most photos. Divide each row by its "
                      "sum first."),
        (False, False, "This is the largest single number beside the diagonal: photos, in one direction."))]
    for (a, b), told in ways:
        if found == {STYLES[a], STYLES[b]}:
            if told:
                raise Wrong(told)
            return "Shares of each style, in both directions: a common style cannot hide a rare one."
    one, other = sorted(found)
    shares = counts / counts.sum(1, keepdims=True)
    a, b = STYLES.index(one), STYLES.index(other)
    raise Wrong(f"Of {one}, {100 * shares[a, b]:.0f} % are called {other}, and {100 * shares[b, a]:.0f} % the other "
                "way; another pair has more.")


def _confidence(data):
    return np.asarray(data.probabilities)[np.arange(PHOTOS), np.asarray(data.labels)]


def _draw_noise(generator):
    """`labels` of ten photos, 0 to 3, and out-of-fold `probabilities`, a row a photo."""
    while True:
        probabilities = np.round(generator.dirichlet(np.full(4, 0.8), PHOTOS), 2)
        probabilities[:, 0] += np.round(1 - probabilities.sum(1), 2)
        labels = np.array([int(generator.choice(4, p=[0.1, 0.2, 0.3, 0.4])) for _ in range(PHOTOS)])
        labels = np.argsort(probabilities, axis=1)[np.arange(PHOTOS), labels]
        data = SimpleNamespace(labels=labels, probabilities=probabilities)
        order = np.sort(_confidence(data))
        ways = [set(rows) for rows in _least(data).values()]
        if (probabilities >= 0).all() and order[3] - order[2] > 0.03 and all(
                one != other for place, one in enumerate(ways) for other in ways[:place]):
            return data


def _least(data):
    """The three photos that each way of ranking puts first."""
    probabilities, own = np.asarray(data.probabilities), _confidence(data)
    ranks = {"right": own, "unsure": probabilities.max(1), "sure": -probabilities.max(1), "most": -own}
    return {name: np.argsort(values, kind="stable")[:3].tolist() for name, values in ranks.items()}


def _judge_noise(answer, data):
    found, least, own = some_of(answer, range(PHOTOS), "photo numbers"), _least(data), _confidence(data)
    if found == set(least["right"]):
        return "Their labels have the lowest probabilities: look at these photos first."
    if len(found) != 3:
        raise Wrong(f"Three photos are asked for; yours are {len(found)}.")
    for name, told in (
            ("unsure", "There the model is least sure of its own answer. The question is how much it believes the "
                       "label that the photo bears."),
            ("sure", "There the model is surest of its own answer, which may well be the label."),
            ("most", "These are the labels that it believes most.")):
        if found == set(least[name]):
            raise Wrong(told)
    wrong = max(found - set(least["right"]), key=lambda photo: own[photo])
    raise Wrong(f"Photo {wrong} bears a label to which the model gives {own[wrong]:.2f}; others are believed less.")


EXERCISES = [Exercise(_draw_matrix, _judge_matrix), Exercise(_draw_noise, _judge_noise)]
