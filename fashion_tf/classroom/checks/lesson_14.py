"""Exercises of lesson 14: matching boxes to tracks, joining views, and what frames that look alike are worth."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, array, near

TRACKS = 3


def _draw_overlaps(generator):
    """`overlaps`: of track i (row) with box j (column), in 0..1."""
    while True:
        data = SimpleNamespace(overlaps=np.round(generator.uniform(0.05, 0.95, (TRACKS, TRACKS)), 2).tolist())
        sums = sorted((_sum(order, data) for order in permutations(range(TRACKS))), reverse=True)
        if sums[0] - sums[1] > 0.05 and _greedy(data) != _best(data) != _own(data):
            return data


def _sum(order, data):
    return sum(data.overlaps[track][box] for track, box in enumerate(order))


def _best(data):
    return max(permutations(range(TRACKS)), key=lambda order: _sum(order, data))


def _greedy(data):
    table, order = np.array(data.overlaps), [0] * TRACKS
    for _ in range(TRACKS):
        track, box = np.unravel_index(np.argmax(table), table.shape)
        order[track] = int(box)
        table[track], table[:, box] = -1, -1
    return tuple(order)


def _own(data):
    """Each track's own favourite box."""
    return tuple(int(np.argmax(row)) for row in data.overlaps)


def _judge_matching(answer, data):
    order = tuple(int(box) for box in array(answer, (TRACKS,), "box numbers, one for each track", whole=True))
    best = _best(data)
    if order == best:
        return f"{_sum(best, data):.2f} in all; the largest first would have given {_sum(_greedy(data), data):.2f}."
    if not all(0 <= box < TRACKS for box in order):
        raise Wrong(f"The boxes are numbered 0 to {TRACKS - 1}.")
    if len(set(order)) < TRACKS:
        raise Wrong("Two tracks have the same box. Each box is one person; favour the pairing as a whole.")
    if order == _greedy(data):
        raise Wrong(f"This takes the largest overlap first. Its sum is {_sum(order, data):.2f}; another pairing of all "
                    f"has more.")
    if tuple(np.argsort(order)) == best:
        raise Wrong("This is the track of each box. Asked for is the box of each track.")
    raise Wrong(f"These pairs add up to {_sum(order, data):.2f}; another pairing has more. There are only six.")


def _draw_views(generator):
    """`probabilities`: a row for each of five views, a column for each of three classes."""
    while True:
        table = np.round(generator.dirichlet([1.2, 1.2, 1.2], 5), 3)
        table[:, 2] = np.round(1 - table[:, 0] - table[:, 1], 3)
        data = SimpleNamespace(probabilities=table.tolist())
        if table.min() >= 0.02 and min(np.abs(_joined(data) - other).max() for other in _others(data).values()) > 0.03:
            return data


def _joined(data):
    logarithms = np.log(np.array(data.probabilities)).mean(0)
    joined = np.exp(logarithms)
    return joined / joined.sum()


def _others(data):
    table = np.array(data.probabilities)
    product = table.prod(0)
    return {"mean": table.mean(0), "votes": np.bincount(table.argmax(1), minlength=3) / len(table),
            "product": product / product.sum(), "left as it is": np.exp(np.log(table).mean(0))}


def _judge_joined(answer, data):
    given, others = array(answer, (3,), "joined probabilities, one for each class"), _others(data)

    def are(values):
        return np.abs(given - values).max() < 0.006

    if are(_joined(data)):
        return "A view that gives a class little pulls it down more here than in a plain mean."
    if are(others["mean"]):
        raise Wrong("This is the plain mean of the probabilities. Take the mean of their logarithms.")
    if are(others["votes"]):
        raise Wrong("These are the shares of votes, which forget how sure each view was.")
    if are(others["left as it is"]):
        raise Wrong(f"These add up to {others['left as it is'].sum():.3f}. Divide by that.")
    if are(others["product"]):
        raise Wrong("This is the product of all five, brought to 1: as if five views were five independent ones. Take "
                    "the mean of the logarithms, not their sum.")
    if given.max() <= 0:
        raise Wrong("These are logarithms still. Take the exponential, then divide by the sum.")
    raise Wrong("These are not the joined probabilities. For each class: the mean of the five logarithms, its "
                "exponential; then divide by the sum over the classes.")


def _draw_worth(generator):
    """`frames` of a track, and the `correlation` of any two frames' errors."""
    return SimpleNamespace(frames=int(generator.integers(15, 60)),
                           correlation=round(float(generator.uniform(0.15, 0.6)), 2))


def _judge_worth(answer, data):
    track, limit = array(answer, (2,), "two numbers of independent frames")
    count, correlation = data.frames, data.correlation
    right, most = count / (1 + (count - 1) * correlation), 1 / correlation
    if near(track, right) and near(limit, most):
        return f"{count} frames are worth {right:.1f}, and a thousand would not be worth more than {most:.1f}."
    if near(track, most) and near(limit, right):
        raise Wrong("The two are exchanged: first the whole track, then the limit.")
    if near(track, count):
        raise Wrong(f"{count} is the number of frames, not of independent ones.")
    if near(track, count * (1 - correlation)):
        raise Wrong("Frames are not worth less by a fixed share: the more there are, the less each adds.")
    if near(track, 1 + (count - 1) * correlation):
        raise Wrong("This is n / m. How many independent frames is that?")
    if near(track, right):
        raise Wrong(f"The track is right. {limit:.4g} is not the limit: let n grow in n / (1 + (n - 1) x correlation).")
    raise Wrong(f"{track:.4g} is not it. Divide the number of frames by 1 + (n - 1) x correlation.")


EXERCISES = [Exercise(_draw_overlaps, _judge_matching), Exercise(_draw_views, _judge_joined),
             Exercise(_draw_worth, _judge_worth)]
