"""Exercises of lesson 23: what "faster" means, and rows that cannot be true."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, some_of


def _draw_race(generator):
    """Two trainings, `whole_model` and `from_scratch`: `seconds` and validation `accuracy` after each epoch."""
    while True:
        epochs, pace, slow = 16, 3 + 3 * generator.random(), 2 + 4 * generator.random()
        curves = {}
        for name, start, top, rate in (("whole_model", 0.45, 0.80, 2.0), ("from_scratch", 0.15, 0.76, slow)):
            noise = 0.02 * (generator.random(epochs) - 0.5)
            accuracy = top - (top - start) * np.exp(-np.arange(epochs) / rate) + noise
            seconds = np.cumsum(pace * (0.9 + 0.2 * generator.random(epochs)))
            curves[name] = {"seconds": np.round(seconds, 1).tolist(), "accuracy": np.round(accuracy, 3).tolist()}
        data = SimpleNamespace(**curves)
        savings = _savings(data)
        if None not in savings and apart(savings, 0.03) and max(data.whole_model["accuracy"]) > max(
                data.from_scratch["accuracy"]):
            return data


def _reached(curve, goal):
    return next((seconds for seconds, value in zip(curve["seconds"], curve["accuracy"]) if value >= goal), None)


def _savings(data):
    """The right saving; the share of time instead; to the end of both; to each one's own best."""
    goal = max(data.from_scratch["accuracy"])
    slow, fast = _reached(data.from_scratch, goal), _reached(data.whole_model, goal)
    if fast is None:
        return (None,)
    own = _reached(data.whole_model, max(data.whole_model["accuracy"]))
    return (1 - fast / slow, fast / slow, 1 - data.whole_model["seconds"][-1] / data.from_scratch["seconds"][-1],
            1 - own / slow)


def _judge_race(answer, data):
    answer = number(answer, -100, 100, "a share of the time")
    right, left, to_the_end, own = _savings(data)
    goal = max(data.from_scratch["accuracy"])
    if near(answer, right, 0, 0.006):
        return f"The whole model reaches {goal:.3f}, scratch's best, in {left:.0%} of the time."
    if near(answer, left, 0, 0.006):
        raise Wrong("This is the share of the time that is still needed; what is saved is the rest.")
    if near(answer, to_the_end, 0, 0.006):
        raise Wrong("This compares the same number of epochs, and an epoch costs the same whatever the weights "
                    "were. Stop each clock where it reaches the accuracy in question.")
    if near(answer, own, 0, 0.006):
        raise Wrong("This stops each clock at its own best, which are two accuracies. Stop both at the same one.")
    if near(answer, 100 * right, 0, 0.6):
        raise Wrong("Give a share, not per cent: a half is 0.5.")
    raise Wrong(f"{answer:.3f} is not it. At how many seconds does each first reach {goal:.3f}, the best that "
                "training from scratch ever gets to?")


ROWS = ["A", "B", "C", "D", "E", "F"]


def _draw_rows(generator):
    """`rows` of a table from balanced test photos: precision, recall, f1 and accuracy, with three decimals."""
    impossible = set(generator.permutation(len(ROWS))[:int(generator.integers(2, 4))].tolist())
    rows = {}
    for place, name in enumerate(ROWS):
        accuracy = 0.4 + 0.5 * float(generator.random())
        precision = accuracy + 0.01 + 0.03 * float(generator.random())
        away = (0.008 + 0.02 * float(generator.random())) * (1 if generator.random() < 0.5 else -1)
        recall = accuracy + away * (place in impossible)
        rows[name] = {"precision": round(precision, 3), "recall": round(recall, 3),
                      "f1": round(min(precision, recall) - 0.01 * float(generator.random()), 3),
                      "accuracy": round(accuracy, 3)}
    return SimpleNamespace(rows=rows)


def _judge_rows(answer, data):
    found = some_of(answer, ROWS, "the rows' letters")
    wrong = {name for name, row in data.rows.items() if abs(row["recall"] - row["accuracy"]) > 0.0015}
    if found == wrong:
        return "Where every class has as many photos, macro recall is accuracy; in these rows it is not."
    if not found:
        raise Wrong("Not every row can be true. Write macro recall and accuracy for classes of one size, and "
                    "compare the two columns.")
    if found == set(ROWS) - wrong:
        raise Wrong("These rows can be true; asked for are those that cannot.")
    if found == set(ROWS):
        raise Wrong("You name every row. Precision may differ from accuracy, also where the classes are balanced; "
                    "which column may not?")
    if accused := sorted(found - wrong):
        row = data.rows[accused[0]]
        raise Wrong(f"Row {accused[0]} can be true: its recall {row['recall']} is its accuracy; precision and F1 "
                    "may be others.")
    raise Wrong(f"The row{'s' * (len(found) > 1)} that you name cannot be true, and there is at least one more.")


EXERCISES = [Exercise(_draw_race, _judge_race), Exercise(_draw_rows, _judge_rows)]
