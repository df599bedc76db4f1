"""Exercises of lesson 41: twins on both sides, what an accuracy tells of its rows, and the floor of a smoothed loss."""

import math
from types import SimpleNamespace

from .forms import Exercise, Wrong, apart, near, number, refuse_known, whole_number


def _twins(data):
    """The right share, and what slips give: name -> value."""
    rows = {times: times * count for times, count in data.drawn.items()}
    all_rows, originals = sum(rows.values()), sum(data.drawn.values())
    apart_from_one = {times: 1 - 1 / data.folds ** (times - 1) for times in rows}
    return {
        "right": sum(rows[times] * apart_from_one[times] for times in rows) / all_rows,
        "by item": sum(count * apart_from_one[times] for times, count in data.drawn.items()) / originals,
        "repeated": sum(rows[times] for times in rows if times > 1) / all_rows,
        "all copies": sum(rows[times] * (1 - 1 / data.folds) ** (times - 1) for times in rows if times > 1) / all_rows,
        "pairs": (1 - 1 / data.folds) * sum(rows[times] for times in rows if times > 1) / all_rows,
        "training": 1 - 1 / data.folds,
    }


def _draw_twins(generator):
    """`drawn`: how many garments were drawn once, twice, three and four times; and the number of `folds`."""
    while True:
        data = SimpleNamespace(drawn={times: int(generator.integers(40, 400)) for times in (1, 2, 3, 4)},
                               folds=int(generator.integers(3, 7)))
        if apart(_twins(data).values(), 0.02):
            return data


def _judge_twins(answer, data):
    answer, known = number(answer, 0, 1, "a share"), _twins(data)
    if near(answer, known["right"], 0, 0.006):
        return "So many held-out rows were seen in training: their accuracy measures memory."
    refuse_known(answer, known, (
        ("by item", "You average over garments. Held out are rows, and a garment drawn four times is four."),
        ("repeated", "This is the share of rows that have a twin at all. Some twins are held out together."),
        ("all copies", "You ask that every other copy is in training. One is enough to remember it."),
        ("pairs", "You treat every repeated garment as drawn twice. With more copies, it is likelier that one of "
                  "them is in training."),
        ("training", "This is the share of all rows that is trained on. Rows drawn once have no twin there.")), 0.006)
    if answer > known["repeated"]:
        raise Wrong(f"{answer:.3f} is more than all rows that have a twin at all.")
    raise Wrong(f"{answer:.3f} is not the share. How likely is it that all other copies of a row lie in its own fold?")


def _fits(percent, rows):
    """Whether a share of so many rows can print as this percentage, with two decimals."""
    return any(abs(round(100 * right / rows, 2) - percent) < 1e-6
               for right in range(math.floor(percent * rows / 100) - 1, math.ceil(percent * rows / 100) + 2))


def _draw_sizes(generator):
    """`accuracies` in per cent that a paper prints for eight folds of one size, and `sizes` of which one can be it."""
    while True:
        sizes = sorted(int(size) for size in generator.choice(range(400, 4000), 6, replace=False))
        rows = sizes[int(generator.integers(6))]
        accuracies = [round(100 * int(generator.integers(int(0.5 * rows), int(0.95 * rows))) / rows, 2)
                      for _ in range(8)]
        if [size for size in sizes if all(_fits(value, size) for value in accuracies)] == [rows]:
            return SimpleNamespace(accuracies=accuracies, sizes=sizes)


def _judge_sizes(answer, data):
    answer = whole_number(answer, 1, what="one of the sizes")
    if answer not in data.sizes:
        raise Wrong(f"{answer} is none of the sizes.")
    impossible = [value for value in data.accuracies if not _fits(value, answer)]
    if not impossible:
        return "An accuracy is a number of rows divided by their number, and gives that number away."
    value = impossible[0]
    right = value * answer / 100
    raise Wrong(f"Of {answer} rows, {math.floor(right)} are {100 * math.floor(right) / answer:.3f} % and "
                f"{math.floor(right) + 1} are {100 * (math.floor(right) + 1) / answer:.3f} %: no fold can print "
                f"{value:.2f} %" + (f", nor {len(impossible) - 1} of the others." if len(impossible) > 1 else "."))


def _floors(data):
    rest = data.smoothing / data.classes
    top = 1 - data.smoothing + rest
    other = data.smoothing / (data.classes - 1)
    right = -top * math.log(top) - (data.classes - 1) * rest * math.log(rest)
    return {"right": right, "zero": 0.0, "the class alone": -math.log(top), "bits": right / math.log(2),
            "the others alone": -(1 - data.smoothing) * math.log(1 - data.smoothing)
            - (data.classes - 1) * other * math.log(other),
            "top term": -top * math.log(top)}


def _draw_floor(generator):
    """`classes` and `smoothing`."""
    while True:
        data = SimpleNamespace(classes=int(generator.integers(5, 21)), smoothing=int(generator.integers(5, 26)) / 100)
        if apart(_floors(data).values(), 0.012):
            return data


def _judge_floor(answer, data):
    answer, known = number(answer, 0, what="a loss"), _floors(data)
    if near(answer, known["right"], 0, 0.004):
        return "The targets' own entropy: no network can be below it, however right it is."
    refuse_known(answer, known, (
        ("zero", "With targets of 0 and 1 it would be. A smoothed target is no certainty, and no output meets it "
                 "without a loss."),
        ("the class alone", "This is the loss of the true class alone, as if its weight were 1. The other classes "
                            "have targets too."),
        ("bits", "These are bits. Keras takes the natural logarithm."),
        ("the others alone", "You spread the smoothing over the other classes. Keras spreads it over all, the true "
                             "one among them."),
        ("top term", "This is the true class's part of the sum. Add those of the other classes.")), 0.004)
    if answer < known["right"]:
        raise Wrong(f"{answer:.3f} is below the floor: no output reaches it. Put the targets themselves into the loss.")
    raise Wrong(f"A network can have a smaller loss than {answer:.3f}. Which output makes it smallest?")


EXERCISES = [Exercise(_draw_twins, _judge_twins), Exercise(_draw_sizes, _judge_sizes),
             Exercise(_draw_floor, _judge_floor)]
