"""Exercises of lesson 32: where a network's weights lie, and what an accuracy hides."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, apart, near, number, whole_number

CLASSES = ["Apparel", "Footwear", "Accessories"]


def _draw_network(generator):
    """`size` of the pictures, `kernel`, the convolutions' `widths`, dense `units` and `classes`."""
    return SimpleNamespace(
        size=int(generator.choice([32, 64, 96, 160])), kernel=int(generator.choice([3, 5, 7])),
        widths=(8 * (1 + generator.permutation(7)[:3])).tolist(), units=int(generator.choice([64, 100, 256, 500])),
        classes=int(generator.integers(4, 12)))


def _weights(data, bias=1, channels=True, pooled=True, answers=True):
    """How many weights, and how many it would be with one mistake."""
    total, before, side = 0, 3, data.size
    for width in data.widths:
        total += data.kernel**2 * (before if channels else 1) * width + bias * width
        before, side = width, side // 2 if pooled else side
    total += side * side * before * data.units + bias * data.units
    return total + answers * (data.units * data.classes + bias * data.classes)


def _judge_network(answer, data):
    answer = whole_number(answer, 1, what="a whole number of weights")
    right = _weights(data)
    if answer == right:
        flat = (data.size // 8) ** 2 * data.widths[-1]
        return (f"{flat * data.units / right:.0%} of them lie between the {flat:,} flattened numbers and the "
                f"{data.units} units.")
    if answer == _weights(data, bias=0):
        raise Wrong("The biases are missing: one for each channel of a convolution, and for each unit.")
    if answer == _weights(data, channels=False):
        raise Wrong("A convolution's kernel reaches through all channels that come in, not through one.")
    if answer == _weights(data, pooled=False):
        raise Wrong("Each pooling halves both sides: what is flattened is smaller than the pictures.")
    if answer == _weights(data, answers=False):
        raise Wrong("The last layer is missing: from the units to the answers.")
    if answer == right - (data.size // 8) ** 2 * data.widths[-1] * data.units + data.widths[-1] * data.units:
        raise Wrong("Flattening keeps every place of the feature map, not one number a channel.")
    raise Wrong(f"{answer:,} is not it: it is too {'few' if answer < right else 'many'}. Take the layers one by one: "
                "inputs of one output, times outputs, and a bias for each output.")


def _draw_counts(generator):
    """`classes`, and `counts` of test products: row the true class, column the answer."""
    while True:
        totals = np.sort(generator.integers([40, 150, 600], [90, 300, 1200]))[::-1]
        recall = np.array([0.90, 0.55, 0.10]) + np.array([0.08, 0.40, 0.55]) * generator.random(3)
        found = np.round(totals * recall).astype(int)
        counts = np.zeros((3, 3), int)
        for row in range(3):
            first, second = (other for other in range(3) if other != row)
            counts[row, row] = found[row]
            counts[row, first] = round((totals[row] - found[row]) * (0.6 + 0.3 * float(generator.random())))
            counts[row, second] = totals[row] - found[row] - counts[row, first]
        data = SimpleNamespace(classes=list(CLASSES), counts=counts.tolist())
        if apart(_readings(data).values(), 0.012):
            return data


def _readings(data):
    """The right value, and what other readings of the words give."""
    counts = np.array(data.counts)
    right, recall, precision = np.diag(counts), np.diag(counts) / counts.sum(1), np.diag(counts) / counts.sum(0)
    f1 = 2 * right / (counts.sum(0) + counts.sum(1))
    return {"balanced": recall.mean(), "accuracy": right.sum() / counts.sum(), "precision": precision.mean(),
            "f1": f1.mean(), "worst": recall.min(), "majority": counts.sum(1).max() / counts.sum()}


def _judge_counts(answer, data):
    answer = number(answer, 0, 100, "a share")
    readings = _readings(data)
    if near(answer, readings["balanced"], 0, 0.002):
        return (f"Its accuracy is {readings['accuracy']:.3f}: the commonest class decides that, and it finds "
                f"{readings['worst']:.0%} of the worst one.")
    told = {
        "accuracy": "This is the accuracy: a product of the commonest class counts as much as any other. Give each "
                    "class the same say.",
        "precision": "You divided by how often a class was answered (a column's sum); asked for is how much of the "
                     "class was found.",
        "f1": "This is the macro F1; balanced accuracy takes no account of how often a class was answered.",
        "worst": "This is one class alone, the worst; take the mean over all three.",
        "majority": "This is the share of the commonest class, which no classifier has to earn."}
    for name, message in told.items():
        if near(answer, readings[name], 0, 0.002):
            raise Wrong(message)
    if near(answer, 100 * readings["balanced"], 0, 0.2):
        raise Wrong("Give a share, not per cent: a half is 0.5.")
    raise Wrong(f"{answer:.3f} is not it. For each row: what share of it stands on the diagonal? Then take the mean.")


EXERCISES = [Exercise(_draw_network, _judge_network), Exercise(_draw_counts, _judge_counts)]
