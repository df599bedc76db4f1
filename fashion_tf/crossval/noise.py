"""Labels that a model, which has not seen them, does not believe."""

import numpy as np

from fashion_tf.errors import DataError


def self_confidence(probabilities, labels):
    """How much a model believes each label: the probability that it gives to it.

    With out-of-fold probabilities (Northcutt, Jiang and Chuang, "Confident Learning", 2021), the lowest are the
    rows to look at first: wrong labels, and true ones that are hard.

    Args:
        probabilities: (rows, classes), each row summing to 1, from a model that did not train on the row.
        labels: Class numbers, (rows,).

    Returns:
        float64 (rows,) in 0..1; ``argsort`` gives the most doubtful first.

    Raises:
        DataError: Shapes that do not belong together, rows that are no probabilities, or labels outside of them.

    Taught in: 42_fashion_styles.ipynb
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise DataError(f"Probabilities of shape {probabilities.shape} and labels of shape {labels.shape}: give "
                        "(rows, classes) and (rows,).")
    wrong = ~((probabilities >= 0).all(1) & np.isclose(probabilities.sum(1), 1, atol=1e-3))
    if wrong.any():
        raise DataError(f"Row {int(np.argmax(wrong))} is no row of probabilities: they are 0 or more and sum to 1.")
    if labels.dtype.kind not in "iu" or len(labels) and not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        raise DataError(f"Labels must be class numbers, 0 to {probabilities.shape[1] - 1}.")
    return probabilities[np.arange(len(labels)), labels]
