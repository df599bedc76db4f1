"""Exercises of lesson 51: a mask that was shrunk like a photo, and two columns that belong together."""

from types import SimpleNamespace

import numpy as np

from .forms import Exercise, Wrong, array, some_of

LABELS = ["background", "hair", "skin", "dress", "bag", "shoes"]
SIDE = 8


def _blocks(mask):
    """The four pixels of each block of two by two: (SIDE, SIDE, 4)."""
    return np.asarray(mask).reshape(SIDE, 2, SIDE, 2).swapaxes(1, 2).reshape(SIDE, SIDE, 4)


def _draw_mask(generator):
    """`labels`; a `mask` of label numbers, and what became of it when it was `shrunk` by averaging."""
    while True:
        mask = np.zeros((2 * SIDE, 2 * SIDE), int)
        for label in range(1, len(LABELS)):
            top, left = generator.integers(0, 11, 2)
            high, wide = generator.integers(3, 8, 2)
            mask[top:top + high, left:left + wide] = label
        shrunk = np.floor(_blocks(mask).mean(-1) + 0.5).astype(int)
        invented = (_blocks(mask) != shrunk[..., None]).all(-1)
        if invented.sum() >= 4:
            return SimpleNamespace(labels=list(LABELS), mask=mask, shrunk=shrunk)


def _judge_mask(answer, data):
    answer = array(answer, (SIDE, SIDE), "a mask", whole=True)
    if answer.min() < 0 or answer.max() >= len(LABELS):
        raise Wrong(f"Your mask holds the number {answer[(answer < 0) | (answer >= len(LABELS))][0]}; the labels are "
                    f"0 to {len(LABELS) - 1}.")
    invented = (_blocks(data.mask) != answer[..., None]).all(-1)
    if not invented.any():
        return "Every pixel of it carries a label that somebody has drawn there."
    row, column = np.argwhere(invented)[0]
    place = (f"pixel [{row}, {column}] says {LABELS[answer[row, column]]}; under it lie only "
             + " and ".join(LABELS[label] for label in np.unique(_blocks(data.mask)[row, column])))
    if np.array_equal(answer, data.shrunk):
        raise Wrong(f"This is `shrunk` as it was: {place}. The mean of two label numbers is a third label.")
    if not answer.any():
        raise Wrong("An empty mask names nothing wrongly, and nothing at all: keep what is drawn.")
    if not (_blocks(data.mask) != answer.T[..., None]).all(-1).any():
        raise Wrong("Rows and columns are exchanged.")
    if (invented == (_blocks(data.mask) != data.shrunk[..., None]).all(-1)).all():
        raise Wrong(f"The {invented.sum()} pixels that averaging spoilt are spoilt still: {place}.")
    raise Wrong(f"{invented.sum()} pixels carry a label that nobody drew there: {place}.")


def _draw_scores(generator):
    """`iou` and `f1` that a paper prints for six labels, with three decimals."""
    impossible = set(generator.permutation(len(LABELS))[:int(generator.integers(2, 4))].tolist())
    iou, f1 = {}, {}
    for place, name in enumerate(LABELS):
        overlap = 0.25 + 0.6 * float(generator.random())
        away = (0.02 + 0.04 * float(generator.random())) * (1 if generator.random() < 0.5 else -1)
        iou[name] = round(overlap, 3)
        f1[name] = round(2 * overlap / (1 + overlap) + away * (place in impossible), 3)
    return SimpleNamespace(iou=iou, f1=f1)


def _judge_scores(answer, data):
    found = some_of(answer, LABELS, "the labels' names")
    belongs = {name: 2 * overlap / (1 + overlap) for name, overlap in data.iou.items()}
    wrong = {name for name in LABELS if abs(belongs[name] - data.f1[name]) > 0.003}
    if found == wrong:
        return "F1 is 2 IoU / (1 + IoU) whatever the masks: in these rows one of the two numbers is wrong."
    if not found:
        raise Wrong("Not every row can be true. Both columns count the same three things: the pixels found, those "
                    "missed and those named wrongly.")
    if found == set(LABELS) - wrong:
        raise Wrong("These rows can be true; asked for are those that cannot.")
    if found == set(LABELS):
        raise Wrong("You name every row. F1 above IoU is no contradiction: it counts what was found twice. How far "
                    "above has it to be?")
    if accused := sorted(found - wrong):
        name = accused[0]
        raise Wrong(f"{name} can be true: an IoU of {data.iou[name]} and an F1 of {data.f1[name]} belong together.")
    raise Wrong(f"The row{'s' * (len(found) > 1)} that you name cannot be true, and there is at least one more.")


EXERCISES = [Exercise(_draw_mask, _judge_mask), Exercise(_draw_scores, _judge_scores)]
