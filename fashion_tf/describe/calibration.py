"""Probabilities that mean what they say, and answers that may be "not sure".

Two steps, both learnt from rows that no training saw. *Temperature scaling* (Guo et al., "On Calibration of Modern
Neural Networks", ICML 2017) divides the logits by one number, which changes how sure a model says it is and never
what it answers. *Split-conformal sets* (Sadinle, Lei and Wasserman, "Least Ambiguous Set-Valued Classifiers", 2019)
then hold every class whose probability is above a threshold, set so that the true class is among them for a promised
share of new rows: one class is an answer, several or none are "not sure".
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from fashion_tf.errors import DataError
from fashion_tf.metrics import LEAST, cross_entropy

COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are looked at


@dataclass(frozen=True)
class Calibration:
    """What calibration rows taught.

    Attributes:
        temperature: Above 1: the model was too sure.
        threshold: A class is in the set where its probability, at this temperature, is at least this much; 0: always.
        coverage: The promised share of new rows whose true class is in the set.
        rows: How many rows it was learnt from.
    """

    temperature: float
    threshold: float
    coverage: float
    rows: int

    def probabilities(self, probabilities):
        """Probabilities at this temperature, float64 (rows, classes)."""
        return with_temperature(probabilities, self.temperature)

    def sets(self, probabilities):
        """Which classes are in each row's set, bools (rows, classes), from probabilities as the model gave them."""
        return self.probabilities(probabilities) >= self.threshold

    def as_json(self):
        return asdict(self)

    @classmethod
    def from_json(cls, value, where):
        """Reads what `as_json` gave.

        Raises:
            DataError: It is something else; `where` begins the message.
        """
        kinds = {"temperature": (COLDEST, HOTTEST), "threshold": (0, 1), "coverage": (0, 1), "rows": (1, math.inf)}
        if not isinstance(value, dict) or set(value) != set(kinds):
            raise DataError(f"{where}: no calibration; it has the fields {', '.join(kinds)}.")
        for name, (low, high) in kinds.items():
            if isinstance(value[name], bool) or not isinstance(value[name], (int, float)) or not (
                    low <= value[name] <= high):
                raise DataError(f"{where}: the calibration's {name} is {str(value[name])[:40]}; it must be a number "
                                f"from {low} to {high}.")
        return cls(**value)


def calibrate(probabilities, labels, coverage=0.9, temperature=None):
    """Learns a temperature and a threshold from rows that no training saw.

    The promise on new rows, coverage or more in the mean, holds where they are drawn as these rows were: rows of one
    group must not be parted between training and calibration. The temperature, one number, is learnt from the same
    rows; give one from others where there are few.

    Args:
        probabilities: (rows, classes), as the model gave them.
        labels: Class numbers, (rows,).
        coverage: In 0..1.
        temperature: Within COLDEST and HOTTEST; None: the one with the least cross-entropy on these rows.

    Returns:
        A `Calibration`.

    Raises:
        DataError: Shapes, probabilities or labels that cannot be, a coverage outside of 0..1, or such a temperature.

    Taught in: 43_describe_an_outfit.ipynb
    """
    probabilities, labels = _checked(probabilities, labels)
    if not 0 < coverage < 1:
        raise DataError(f"coverage={coverage!r}: it must lie between 0 and 1.")
    if temperature is None:
        temperature = best_temperature(probabilities, labels)
    if not COLDEST <= temperature <= HOTTEST:
        raise DataError(f"temperature={temperature!r}: it must lie between {COLDEST:g} and {HOTTEST:g}.")
    own = with_temperature(probabilities, temperature)[np.arange(len(labels)), labels]
    # The k-th largest of n is undercut by a new row's with probability (n + 1 - k) / (n + 1).
    # Rounded first: 75 x 0.68 is 51, and not the 51.00000000000001 of binary fractions, which would take one more.
    wanted = math.ceil(round((len(labels) + 1) * coverage, 9))
    threshold = 0.0 if wanted > len(labels) else float(np.sort(own)[len(labels) - wanted])
    return Calibration(float(temperature), threshold, float(coverage), len(labels))


def best_temperature(probabilities, labels):
    """The temperature with the least cross-entropy, within COLDEST and HOTTEST, found by SciPy.

    Args:
        probabilities, labels: As in `calibrate`.
    """
    from scipy.optimize import minimize_scalar

    probabilities, labels = _checked(probabilities, labels)

    def loss(logarithm):
        return cross_entropy(with_temperature(probabilities, math.exp(logarithm)), labels)

    found = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded",
                            options={"xatol": 1e-5})
    return math.exp(found.x)


def with_temperature(probabilities, temperature):
    """Probabilities whose logits are divided by a temperature: p to the power 1 / temperature, in sum 1 again.

    Args:
        probabilities: (rows, classes).
        temperature: Greater than 0.

    Returns:
        float64 (rows, classes).

    Raises:
        DataError: The temperature is none: at 0 or infinity nothing is left of the logits, and below 0 the least
            probable class becomes the answer.
    """
    if not 0 < temperature < math.inf:
        raise DataError(f"temperature={temperature!r}: it must be a number greater than 0.")
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def calibration_error(probabilities, labels, bins=10):
    """Expected calibration error: rows are sorted into bins by the probability of their answer; the mean distance of
    each bin's accuracy from its mean probability, weighted by its rows.

    Args:
        probabilities, labels: As in `calibrate`.
        bins: Of equal width.

    Returns:
        In 0..1.

    Taught in: 43_describe_an_outfit.ipynb
    """
    probabilities, labels = _checked(probabilities, labels)
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == number].sum() - sure[place == number].sum()) for number in range(bins))
                 / len(labels))


def set_table(sets, labels, names):
    """How sets fare, by true class: a pandas table with ``rows``, ``coverage`` (share of sets that hold the true
    class), ``size`` (their mean number of classes), ``sure`` (share of sets of one class) and ``right when sure``;
    the last row is over all. A class without rows is left out.

    Args:
        sets: bools (rows, classes).
        labels: Class numbers, (rows,).
        names: The classes' names.

    Taught in: 43_describe_an_outfit.ipynb
    """
    import pandas as pd

    sets, labels = np.asarray(sets, bool), np.asarray(labels)
    holds, size = sets[np.arange(len(labels)), labels], sets.sum(1)
    rows = {}
    for name, chosen in [*((name, labels == number) for number, name in enumerate(names)),
                         ("all", np.ones(len(labels), bool))]:
        if chosen.any():
            alone = chosen & (size == 1)
            rows[name] = {"rows": int(chosen.sum()), "coverage": holds[chosen].mean(), "size": size[chosen].mean(),
                          "sure": (size[chosen] == 1).mean(),
                          "right when sure": holds[alone].mean() if alone.any() else math.nan}
    return pd.DataFrame(rows).T


def _checked(probabilities, labels):
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise DataError(f"Probabilities of shape {probabilities.shape} and labels of shape {labels.shape}: give "
                        "(rows, classes) and (rows,), at least one row.")
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(1), 1, atol=0.02):
        raise DataError("Some rows are no probabilities: they are 0 or more and sum to 1.")
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        raise DataError(f"Labels must be class numbers, 0 to {probabilities.shape[1] - 1}.")
    return probabilities, labels
