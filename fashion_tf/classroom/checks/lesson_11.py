"""Exercises of lesson 11: the number that may be reported, and numbers that cannot be."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, some_of

NETWORKS = ["A", "B", "C", "D", "E", "F"]


def _draw_curves(generator):
    """`validation` and `test` accuracy after each of a dozen epochs."""
    while True:
        start, gain = 0.4 + 0.2 * generator.random(), 0.15 + 0.25 * generator.random()
        rise = start + gain * (1 - np.exp(-np.arange(12) / 3.0))
        validation, test = (np.round(np.clip(rise + 0.03 * (generator.random(12) - 0.5) * 2, 0, 1), 3)
                            for _ in range(2))
        best = np.flatnonzero(validation == validation.max())
        data = SimpleNamespace(validation=validation.tolist(), test=test.tolist())
        if len(best) == 1 and apart(_reports(data).values(), 0.003):
            return data


def _reports(data):
    chosen = int(np.argmax(data.validation))
    return {"right": data.test[chosen], "shortcut": max(data.test), "last": data.test[-1],
            "validation": data.validation[chosen]}


def _judge_report(answer, data):
    answer = number(answer, 0, 100, "an accuracy")
    reports = _reports(data)
    epoch = int(np.argmax(data.validation)) + 1
    if near(answer, reports["right"], 0, 0.0011):
        return f"Epoch {epoch} is chosen on validation pictures; its {reports['right']:.3f} on the test is honest."
    if near(answer, reports["shortcut"], 0, 0.0011):
        raise Wrong(f"{answer:.3f} is the best of the test curve: the epoch was chosen on the pictures that you "
                    "report. Choose it by the other curve.")
    if near(answer, reports["last"], 0, 0.0011):
        raise Wrong(f"{answer:.3f} is the last epoch's. Nothing was chosen there; the validation curve says "
                    "which epoch to keep.")
    if near(answer, reports["validation"], 0, 0.0011):
        raise Wrong(f"{answer:.3f} is the best validation accuracy, which the choice itself flatters. Read the "
                    "test curve at that epoch.")
    if answer in (epoch, epoch - 1):
        raise Wrong("This is an epoch. What does the network of that epoch score on the test pictures?")
    raise Wrong(f"{answer:.3f} is not it. Which epoch would you keep if the test pictures were still closed?")


def _draw_prints(generator):
    """`photos`, the size of a test set, and `accuracy`, what a table prints for six networks."""
    photos = int(generator.integers(150, 350))
    impossible = set(generator.permutation(6)[:int(generator.integers(2, 4))].tolist())
    printed = {}
    for place, name in enumerate(NETWORKS):
        while True:
            value = round(0.6 + 0.35 * float(generator.random()), 3)
            rest = abs(value - round(value * photos) / photos)
            if (rest > 0.0008 if place in impossible else rest < 0.0004) and value not in printed.values():
                break
        printed[name] = value
    return SimpleNamespace(photos=photos, accuracy=printed)


def _judge_prints(answer, data):
    found = some_of(answer, NETWORKS, "the networks' letters")
    near_counts = {name: round(value * data.photos) for name, value in data.accuracy.items()}
    wrong = {name for name, value in data.accuracy.items()
             if abs(value - near_counts[name] / data.photos) > 0.0005}
    if found == wrong:
        values = ", ".join(str(data.accuracy[name]) for name in sorted(wrong))
        return f"No number of right answers among {data.photos} photos gives {values}."
    if not found:
        raise Wrong(f"Not all of them are possible: an accuracy on {data.photos} photos is a whole number of "
                    f"photos, divided by {data.photos}.")
    if found == set(NETWORKS) - wrong:
        raise Wrong("These are the ones that can be true; asked for are those that cannot.")
    if accused := sorted(found - wrong):
        name = accused[0]
        raise Wrong(f"{name} can be true: {near_counts[name]} of {data.photos} photos is, rounded, "
                    f"{near_counts[name] / data.photos:.3f}.")
    raise Wrong(f"What you name is impossible, and so is another. Try for each the whole numbers around its "
                f"accuracy times {data.photos}.")


EXERCISES = [Exercise(_draw_curves, _judge_report), Exercise(_draw_prints, _judge_prints)]
