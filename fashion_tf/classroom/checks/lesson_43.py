"""Exercises of lesson 43: what two accuracies say of both together, a calibration error, and a conformal set."""

import math
from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, array, near, number, refuse_known, some_of

GARMENTS = ["coat", "dress", "jeans", "shirt", "skirt"]


def _draw_bounds(generator):
    """`photos`, and on how many of them the `type` and the `style` are right."""
    while True:
        photos = int(generator.integers(120, 400))
        data = SimpleNamespace(photos=photos, type=int(photos * generator.uniform(0.55, 0.9)),
                               style=int(photos * generator.uniform(0.5, 0.85)))
        least, most = _bounds(data)
        if abs(data.type - data.style) > 8 and apart([0, least, data.type * data.style / photos, most], 6):
            return data


def _bounds(data):
    return max(0, data.type + data.style - data.photos), min(data.type, data.style)


def _judge_bounds(answer, data):
    found, (least, most) = array(answer, (2,), "a list", whole=True).tolist(), _bounds(data)
    if found == [least, most]:
        return "Two accuracies leave all of this open; only the photos themselves say where between it lies."
    product = data.type * data.style / data.photos
    if found[0] > found[1]:
        raise Wrong("The smaller number comes first.")
    if near(found[0], product, 0, 1.5) or near(found[1], product, 0, 1.5):
        raise Wrong("The product is what independent errors give. Errors may be anything but independent.")
    if found[1] > most:
        raise Wrong(f"Both are right on at most as many photos as the worse of the two: not {found[1]}.")
    if found[0] < least:
        raise Wrong(f"The type is wrong on {data.photos - data.type} photos and the style on "
                    f"{data.photos - data.style}. Even if no photo is among both, more than {found[0]} are left.")
    if found[1] < most:
        raise Wrong(f"More than {found[1]} are possible: let every photo with a right style have a right type, as far "
                    "as there are enough.")
    raise Wrong(f"Fewer than {found[0]} are possible: let no photo have both wrong.")


def _errors(data):
    rows, sure, right = (np.array(part, float) for part in zip(*data.bins))
    gaps = np.abs(right / rows - sure)
    return {"right": (gaps * rows).sum() / rows.sum(), "plain mean": gaps.mean(), "largest": gaps.max(),
            "signed": abs((right - sure * rows).sum() / rows.sum()), "error": 1 - right.sum() / rows.sum(),
            "squared": math.sqrt((gaps ** 2 * rows).sum() / rows.sum())}


def _draw_errors(generator):
    """`bins`: (photos, mean probability of their answers, how many are right), a row a bin."""
    while True:
        rows = generator.integers(8, 160, 4)
        sure = np.round(np.sort(generator.uniform(0.3, 0.98, 4)), 2)
        right = np.clip(np.round(rows * (sure - generator.uniform(-0.15, 0.3, 4))), 0, rows).astype(int)
        data = SimpleNamespace(bins=[(int(count), float(mean), int(hits))
                                     for count, mean, hits in zip(rows, sure, right)])
        if apart(_errors(data).values(), 0.012):
            return data


def _judge_errors(answer, data):
    answer, known = number(answer, 0, 1, "a share"), _errors(data)
    if near(answer, known["right"], 0, 0.004):
        return "So far, in the mean over photos, is what it says from what is true."
    refuse_known(answer, known, (
        ("plain mean", "You average over bins. A bin of few photos then counts as much as a full one."),
        ("largest", "This is the largest distance of a bin, known as the maximum calibration error."),
        ("signed", "Distances above and below have cancelled out. Take each bin's without its sign."),
        ("error", "This is the share of wrong answers. A model may err often and say so."),
        ("squared", "You squared the distances. The expected calibration error takes them as they are.")), 0.004)
    rows, sure, right = data.bins[0]
    raise Wrong(f"{answer:.3f} is not it. In the first bin, {right} of {rows} are right, {right / rows:.3f}, and "
                f"it says {sure}: start with that distance, weighted by {rows}.")


def _sets(data):
    """The set that each way of choosing gives: way -> names."""
    own, rows = np.sort(np.asarray(data.own)), len(data.own)
    new = dict(zip(GARMENTS, data.new))
    order = sorted(GARMENTS, key=lambda name: -new[name])
    thresholds = {"right": own[rows - math.ceil((rows + 1) * data.coverage)],
                  "half": np.median(own), "share": 1 - data.coverage,
                  "other end": own[math.ceil((rows + 1) * data.coverage) - 1]}
    found = {way: {name for name in GARMENTS if new[name] >= threshold} for way, threshold in thresholds.items()}
    until = next(count for count in range(1, 6) if sum(new[name] for name in order[:count]) >= data.coverage)
    return found | {"sum": set(order[:until]), "best": {order[0]}}


def _draw_set(generator):
    """`own`: the probabilities that 19 calibration photos gave to their own labels; the `coverage` that is promised;
    and `new`, a photo's probabilities of coat, dress, jeans, shirt and skirt."""
    while True:
        own = np.round(generator.beta(2.2, 1.2, 19), 3)
        new = np.round(generator.dirichlet(np.full(5, 0.9)), 3)
        new[0] = round(1 - new[1:].sum(), 3)
        data = SimpleNamespace(own=own, coverage=float(generator.choice([0.8, 0.85, 0.9])), new=new)
        gaps = np.abs(np.subtract.outer(np.unique(np.concatenate([own, new])), new))
        if (new <= 0).any() or len(np.unique(own)) < 19 or gaps[gaps > 0].min() < 0.004:
            continue
        sets = _sets(data)
        apart_from_each_other = len({frozenset(sets[way]) for way in ("right", "best", "sum", "share")}) == 4
        if 2 <= len(sets["right"]) <= 3 and apart_from_each_other and sets["right"] not in (
                sets["half"], sets["other end"]):
            return data


def _judge_set(answer, data):
    found, sets = some_of(answer, GARMENTS, "names"), _sets(data)
    if found == sets["right"]:
        return "Of new photos, the promised share has its true class in such a set, however wrong the model is."
    for way, told in (
            ("best", "This is the answer that the model always has. A set holds every class above the threshold."),
            ("sum", "You add up probabilities until the promise is reached. That trusts the model; the threshold here "
                    "is learnt from what calibration photos gave to their own labels."),
            ("share", "You take 1 less the coverage as the threshold. The coverage counts photos, not probability."),
            ("other end", "Your threshold is one that the promised share of calibration photos is *below*."),
            ("half", "Half of the calibration photos have their own label above this threshold: coverage 0.5.")):
        if found == sets[way]:
            raise Wrong(told)
    own, rows = np.sort(np.asarray(data.own)), len(data.own)
    wanted = math.ceil((rows + 1) * data.coverage)
    raise Wrong(f"Sort the {rows} probabilities of own labels; the {wanted}th largest, {own[rows - wanted]:.3f}, is "
                "the threshold: which classes of the new photo have as much?")


EXERCISES = [Exercise(_draw_bounds, _judge_bounds), Exercise(_draw_errors, _judge_errors),
             Exercise(_draw_set, _judge_set)]
