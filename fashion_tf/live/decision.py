"""From many frames to one answer: how probabilities are joined, and a label that does not flicker."""

import numpy as np

from fashion_tf.errors import DataError

WAYS = ("log", "mean", "votes")
LEAST = 1e-6  # a probability of 0 in one frame would forbid a class for all frames


def join(probabilities, way="log"):
    """One distribution from those of several views of one thing.

    Args:
        probabilities: (views, classes), each row adding up to 1; at least one view.
        way: ``"log"``: the mean of the logarithms, brought back to add up to 1 (views taken for
            independent, as far as a mean goes); ``"mean"``; ``"votes"``: each view's first choice
            counts one.

    Returns:
        float64 (classes,), adding up to 1.

    Raises:
        DataError: There is no view, or no such way.
    """
    table = np.asarray(probabilities, float)
    if table.ndim != 2 or not len(table):
        raise DataError(f"probabilities of shape {table.shape}: give at least one row, a column for each class.")
    if way == "votes":
        joined = np.bincount(table.argmax(axis=1), minlength=table.shape[1]).astype(float)
    elif way == "mean":
        joined = table.mean(axis=0)
    elif way == "log":
        logarithms = np.log(np.maximum(table, LEAST)).mean(axis=0)
        joined = np.exp(logarithms - logarithms.max())
    else:
        raise DataError(f"There is no way {way!r} to join frames; choose {', '.join(WAYS)}.")
    return joined / joined.sum()


class SettledLabel:
    """A label that changes only when another one has led for several frames in a row.

    Args:
        hold: Frames in a row that a new label must lead before it is shown.
    """

    def __init__(self, hold=5):
        self.hold, self.shown, self.rival, self.count = hold, None, None, 0

    def update(self, label):
        """Takes the label that leads now; returns the one to show. The first is shown at once."""
        if self.shown is None or label == self.shown:
            self.shown, self.rival, self.count = label, None, 0
        else:
            self.count = self.count + 1 if label == self.rival else 1
            self.rival = label
            if self.count >= self.hold:
                self.shown, self.rival, self.count = label, None, 0
        return self.shown
