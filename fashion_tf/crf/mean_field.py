"""The dense conditional random field of Krähenbühl and Koltun (NIPS 2011), solved by mean field."""

import numba
import numpy as np

from fashion_tf.crf.lattice import Lattice, blurred, padded
from fashion_tf.errors import DataError

CLIP = 1e-8  # a probability of 0 would be certain for ever
# What the sum of a pixel's probabilities may be off by: float16 rounds to 1 in 2,048, bfloat16 to 1 in 256.
ROUNDING = 0.01


class DenseCRF:
    """A photo, and the lattices that were built for it: one per kernel width, used again for other
    weights, iterations and probabilities.

    Args:
        image: uint8 (height, width, 3).

    Example:
        >>> crf = DenseCRF(photo)
        >>> for weight in (1, 5, 10):
        ...     labels = crf.infer(probabilities, theta_alpha=30, theta_beta=10, w1=weight).argmax(-1)
    """

    def __init__(self, image):
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise DataError(f"A photo of shape {image.shape} and {image.dtype}; the CRF takes uint8 "
                            "(height, width, 3).")
        self.image = image
        self.lattices = {}

    def infer(self, probabilities, theta_alpha, theta_beta, w1, theta_gamma=3.0, w2=3.0, iterations=10,
              compatibility=None):
        """Mean field: labels of pixels that are alike and near each other pull towards each other.

        The energy of a labelling is the sum over pixels of -log(probability), and over pairs i, j of

            w1 exp(-|p_i - p_j|^2 / (2 theta_alpha^2) - |I_i - I_j|^2 / (2 theta_beta^2))
            + w2 exp(-|p_i - p_j|^2 / (2 theta_gamma^2))

        where their labels differ; p are positions in pixels and I colours in 0..255. Both kernels are
        normalised symmetrically, as in the authors' released code.

        Args:
            probabilities: float (height, width, classes) in 0..1, a network's softmax: p, not -log(p) as
                pydensecrf takes it.
            theta_alpha: Width of the appearance kernel in space, pixels.
            theta_beta: Its width in colour, levels of 0..255.
            w1: Its weight; 0 leaves the kernel out.
            theta_gamma: Width of the smoothness kernel, pixels. Krähenbühl's example uses 3.
            w2: Its weight; 0 leaves the kernel out.
            iterations: Of mean field; the paper takes 10.
            compatibility: float (classes, classes), symmetric: what it costs to see two labels beside
                each other. None is Potts: 1 for different labels, 0 for equal ones.

        Returns:
            float32 (height, width, classes): probabilities after the last iteration.

        Raises:
            DataError: Shapes that do not fit, values that are not finite or not a softmax, a width of
                zero or less, a negative weight.
        """
        height, width = self.image.shape[:2]
        probabilities = np.asarray(probabilities, np.float32)  # CLIP is 0 in half precision
        if probabilities.ndim != 3 or probabilities.shape[:2] != (height, width):
            raise DataError(f"Probabilities of shape {probabilities.shape} for a photo of {height} x "
                            f"{width}: give (height, width, classes) of the same size.")
        check_probabilities(probabilities)
        check_parameters(theta_alpha, theta_beta, theta_gamma, w1, w2, iterations)
        classes = probabilities.shape[2]
        unary = -np.log(np.maximum(probabilities.reshape(-1, classes), np.float32(CLIP)))
        potential = np.zeros((0, 0), np.float32)  # Potts
        if compatibility is not None:
            potential = np.ascontiguousarray(compatibility, np.float32)
            if potential.shape != (classes, classes) or not np.allclose(potential, potential.T):
                raise DataError(f"compatibility of shape {potential.shape}: give a symmetric "
                                f"({classes}, {classes}) matrix, what two labels side by side cost.")
        kernels = [(weight, self._lattice(*widths)) for weight, widths in (
            (w1, (theta_alpha, theta_beta)), (w2, (theta_gamma, None))) if weight > 0]
        beliefs = _solve(unary, kernels, potential, int(iterations))
        return beliefs.reshape(height, width, classes)

    def _lattice(self, space, colour):
        if (space, colour) not in self.lattices:
            height, width = self.image.shape[:2]
            rows, columns = np.mgrid[:height, :width]
            features = [columns / space, rows / space]
            if colour is not None:
                features += [self.image[..., channel] / colour for channel in range(3)]
            self.lattices[space, colour] = Lattice(
                np.stack(features, axis=-1).reshape(height * width, -1))
        return self.lattices[space, colour]


def check_probabilities(probabilities, which="The probabilities"):
    """Refuses an array (..., classes) that is no softmax: values that are not finite or below 0, and classes
    that do not add up to 1 within `ROUNDING`. Half precision is summed in float32."""
    if not np.isfinite(probabilities).all():
        raise DataError(f"{which} hold values that are not finite (NaN or infinity): look at the network's "
                        "output, its training may have diverged.")
    if probabilities.size and probabilities.min() < 0:
        raise DataError(f"{which} hold {probabilities.min():g}: give a softmax, not logits.")
    sums = probabilities.sum(-1, dtype=np.float32)
    wrong = ~(np.abs(sums - 1) <= ROUNDING)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise DataError(f"{which} of the classes add up to {sums[place]:g} at pixel {place}, not to 1: give a "
                        "softmax, p itself and not -log(p) as pydensecrf takes it, nor logits.")


def check_parameters(theta_alpha, theta_beta, theta_gamma, w1, w2, iterations):
    """Refuses a width of zero or less, a negative weight, a number of iterations that is none."""
    for name, value in (("theta_alpha", theta_alpha), ("theta_beta", theta_beta),
                        ("theta_gamma", theta_gamma)):
        if not value > 0:
            raise DataError(f"{name}={value!r}: a kernel's width must be greater than 0.")
    for name, value in (("w1", w1), ("w2", w2)):
        if not (value >= 0 and np.isfinite(value)):
            raise DataError(f"{name}={value!r}: a kernel's weight must not be negative.")
    if int(iterations) != iterations or iterations < 0:
        raise DataError(f"iterations={iterations!r}: give a whole number, 0 or more.")


def _solve(unary, kernels, potential, iterations):
    """Beliefs after `iterations`. The lattices lie one behind the other, so that one pass over the pixels
    reads all kernels' messages, takes the softmax and spreads the new beliefs: they never go to memory."""
    points, classes = unary.shape
    unary = padded(unary, 1e9)  # labels that do not exist, and that no pixel takes
    lattices = [lattice for _, lattice in kernels]
    starts = np.cumsum([0, *(lattice.corners + 1 for lattice in lattices)])
    index = np.concatenate([np.zeros((points, 0), np.uint32), *(
        lattice.index + np.uint32(start) for lattice, start in zip(lattices, starts))], axis=1)
    weights = np.concatenate([np.zeros((points, 0), np.float32), *(
        lattice.weights for lattice in lattices)], axis=1)
    scales = np.concatenate([np.zeros(0, np.float32), *(np.full(
        lattice.dimensions + 1, weight * lattice.factor, np.float32) for weight, lattice in kernels)])
    threads = numba.get_num_threads()
    others = np.empty((starts[-1], unary.shape[1]), np.float32)
    corners = np.zeros_like(others)
    beliefs = np.empty((points, classes), np.float32)
    for iteration in range(iterations + 1):
        # Nothing has been said before the first pass: all messages are zero.
        last = iteration == iterations
        sums = _pass(unary, corners, index, weights, scales, potential, threads, beliefs, last)
        if not last:
            for number, lattice in enumerate(lattices):
                part = slice(starts[number], starts[number + 1])
                corners[part] = blurred(sums, others, lattice.neighbours, starts[number])[part]
    return beliefs


@numba.njit(parallel=True, fastmath=True, cache=True)
def _pass(unary, corners, index, weights, scales, potential, parts, beliefs, last):
    """For each pixel: gather the messages, softmax(messages - unary), and spread the result; in the last
    pass write it to `beliefs` (points, classes) instead.

    Returns:
        float32 (parts, corners, labels): each thread's sums at the corners. They are made here: of
        arrays from outside the compiler cannot know that they do not overlap, and does one label at a
        time.
    """
    points, used = index.shape
    labels, classes = unary.shape[1], beliefs.shape[1]
    sums = np.empty((parts, corners.shape[0], labels), np.float32)
    for part in numba.prange(parts):
        own = sums[part]
        own[:] = 0
        row, message = np.empty(labels, np.float32), np.zeros(labels, np.float32)
        for point in range(points * part // parts, points * (part + 1) // parts):
            row[:] = 0
            for corner in range(used):
                weight, found = weights[point, corner] * scales[corner], corners[index[point, corner]]
                for label in range(labels):
                    row[label] += weight * found[label]
            if potential.shape[0]:
                for label in range(classes):
                    message[label] = 0
                    for other in range(classes):
                        message[label] -= row[other] * potential[other, label]
                row[:] = message
            # Potts: the cost of a label is the weight of all others; what all labels have in common
            # falls out of the softmax, which leaves minus the weight of the label itself.
            largest = np.float32(-np.inf)
            for label in range(labels):
                row[label] -= unary[point, label]
                largest = max(largest, row[label])
            total = np.float32(0)
            for label in range(labels):
                row[label] = _exp(row[label] - largest)
                total += row[label]
            total = np.float32(1) / total
            for label in range(labels):
                row[label] *= total
            if last:
                for label in range(classes):
                    beliefs[point, label] = row[label]
                continue
            for corner in range(used):
                weight, place = weights[point, corner], own[index[point, corner]]
                for label in range(labels):
                    place[label] += weight * row[label]
    return sums


@numba.njit(inline="always")
def _exp(x):
    """e to the x, x <= 0, to 7 digits, in a form of which the compiler makes vector instructions. It ends
    at 2^-64: what is much smaller becomes a denormal number in the next product, a hundred times slower."""
    scaled = max(x * np.float32(1.44269504), np.float32(-64))
    whole = np.floor(scaled + np.float32(0.5))
    part = (scaled - whole) * np.float32(0.69314718)
    power = np.float32(1) + part * (np.float32(1) + part * (np.float32(0.5) + part * (
        np.float32(0.16666667) + part * (np.float32(0.041666668) + part * (
            np.float32(0.0083333337) + part * np.float32(0.0013888889))))))
    exponent = (np.int32(whole) + np.int32(127)) << np.int32(23)
    return power * np.int32(exponent).view(np.float32)


def dense_crf(image, probabilities, **parameters):
    """One photo's probabilities after a dense CRF; the parameters are those of `DenseCRF.infer`.

    Args:
        image: uint8 (height, width, 3).
        probabilities: float (height, width, classes), a softmax.

    Returns:
        float32 (height, width, classes).

    Raises:
        DataError: As `DenseCRF.infer`.

    Taught in: 52_dense_crf.ipynb
    """
    return DenseCRF(image).infer(probabilities, **parameters)


def from_labels(labels, classes, confidence=0.5):
    """Probabilities for a CRF that is given a finished labelling instead of a softmax, as Tangseng, Wu and
    Yamaguchi (2017) do: each pixel's label has the given probability, the others share the rest.

    Args:
        labels: Integers (height, width).
        classes: Number of labels.
        confidence: In (1 / classes, 1). Tangseng's released code takes 0.5.

    Returns:
        float32 (height, width, classes).

    Raises:
        DataError: A label is none of the classes, or the confidence is out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise DataError(f"Labels of shape {labels.shape} and {labels.dtype}; give integers (height, width).")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels.max() if labels.max() >= classes else labels.min()
        raise DataError(f"The labels hold {wrong}; there are {classes} classes, 0 to {classes - 1}.")
    if not 1 / classes < confidence < 1:
        raise DataError(f"confidence={confidence!r}: it must lie between {1 / classes:g} and 1.")
    other = (1 - confidence) / (classes - 1)
    table = np.full((classes, classes), other, np.float32)
    np.fill_diagonal(table, confidence)
    return table[labels]
