"""A conditional random field whose pixels talk to a window around them: convolutional, for a GPU.

Teichmann and Cipolla, "Convolutional CRFs for Semantic Segmentation" (2018). Energy and mean field are
those of `fashion_tf.crf.mean_field`; a pair of pixels further apart than the window is left out. What is
left is exact, where the lattice approximates: with a window that covers the picture this is mean field
itself, at a cost that grows with the square of the window.
"""

import numpy as np

from fashion_tf.crf.mean_field import CLIP, check_parameters, check_probabilities
from fashion_tf.errors import DataError


def local_crf(images, probabilities, theta_alpha, theta_beta, w1, theta_gamma=3.0, w2=3.0, iterations=10,
              window=11, dilation=1):
    """Mean field with messages from a window around each pixel, for a batch of photos.

    Runs on what Keras runs on. Inside ``tf.function``, best with ``jit_compile=True``, it becomes two
    loops around one fused computation; values can only be checked outside of one.

    Args:
        images: (count, height, width, 3) in 0..255.
        probabilities: float (count, height, width, classes) in 0..1, a softmax.
        theta_alpha, theta_beta, w1, theta_gamma, w2, iterations: As in `DenseCRF.infer`.
        window: Side of the window, an odd number of pixels. The kernel's weights beyond it, up to some
            3 theta_alpha away, are lost; kernels are normalised over what is left.
        dilation: Take every so many-th pixel: a window of 11 and a dilation of 4 reach 20 pixels far.

    Returns:
        A tensor, float32 (count, height, width, classes): probabilities after the last iteration. Memory
        is a few times its size, whatever the window.

    Raises:
        DataError: As `DenseCRF.infer`; or an even window, a dilation below 1.

    Example:
        >>> fast = tf.function(partial(local_crf, theta_alpha=30, theta_beta=10, w1=5), jit_compile=True)
        >>> labels = keras.ops.argmax(fast(photos, model(photos)), axis=-1)

    Taught in: 52_dense_crf.ipynb
    """
    from keras import ops

    _check(images, probabilities, window, dilation)
    check_parameters(theta_alpha, theta_beta, theta_gamma, w1, w2, iterations)
    height, width = images.shape[1:3]
    # A step out of the picture finds nobody, however large the window.
    up, across = (min(window // 2, (side - 1) // dilation) for side in (height, width))
    rows, columns = np.arange(-up, up + 1) * dilation, np.arange(-across, across + 1) * dilation
    near, smooth = (np.exp(-(rows[:, None]**2 + columns**2) / (2 * theta**2)).astype("float32")
                    for theta in (theta_alpha, theta_gamma))
    near, smooth = ops.convert_to_tensor(near), ops.convert_to_tensor(smooth)
    above, beside = up * dilation, across * dilation

    def around(values):
        """The same with a border of zeros: outside of the picture is nobody."""
        return ops.pad(values, ((0, 0), (above, above), (beside, beside), (0, 0)))

    count, classes = ops.shape(images)[0], probabilities.shape[-1]

    def total(channels, pair, *values):
        """For each pixel, the sum over its window of pair(near, smooth, *what the other pixel has).

        A loop over the window's rows, written out over its columns: a compiler makes one computation of a
        row, which reads and writes the sums once.
        """
        values = [around(one) for one in values]

        def add_row(row, sums):
            strips = [ops.slice(one, (0, row * dilation, 0, 0), (count, height, *one.shape[2:]))
                      for one in values]
            for column in range(len(columns)):
                part = slice(column * dilation, column * dilation + width)
                sums = sums - pair(near[row, column], smooth[row, column],
                                   *(strip[:, :, part] for strip in strips))
            return sums

        # With a minus: TensorFlow's optimizer of uncompiled graphs rewrites additions of many terms, and
        # what it makes of them fails in a loop within a loop ("temporary variable already exists").
        return -ops.fori_loop(0, len(rows), add_row, ops.zeros((count, height, width, channels)))

    colours = ops.cast(images, "float32") / theta_beta
    inside = ops.ones((count, height, width, 1))
    unary = ops.log(ops.maximum(ops.cast(probabilities, "float32"), CLIP))

    def appearance(near, there):
        return near * ops.exp(-0.5 * ops.sum((there - colours)**2, axis=-1, keepdims=True))

    # Each kernel with its weight, normalised: w n_i k_ij n_j with n_i = 1 / sqrt(sum_j k_ij).
    norm_1 = w1**0.5 * ops.rsqrt(total(
        1, lambda near, _, there, inside: appearance(near, there) * inside, colours, inside))
    norm_2 = w2**0.5 * ops.rsqrt(total(1, lambda _, smooth, inside: smooth * inside, inside))

    def message(near, smooth, there, norm_1_there, norm_2_there, beliefs):
        weight = norm_1 * appearance(near, there) * norm_1_there + norm_2 * smooth * norm_2_there
        return weight * beliefs

    def update(_, beliefs):
        # Potts: of a label's cost only its own weight is left, as in mean_field.
        messages = total(classes, message, colours, norm_1, norm_2, beliefs)
        return ops.softmax(unary + messages, axis=-1)

    return ops.fori_loop(0, iterations, update, ops.softmax(unary, axis=-1))


def _check(images, probabilities, window, dilation):
    if len(images.shape) != 4 or images.shape[3] != 3 or None in images.shape[1:]:
        raise DataError(f"Photos of shape {tuple(images.shape)}; the local CRF takes (count, height, width, "
                        "3) in 0..255, a single one as photo[None].")
    if len(probabilities.shape) != 4 or tuple(probabilities.shape[1:3]) != tuple(images.shape[1:3]) or (
            None not in (images.shape[0], probabilities.shape[0])
            and images.shape[0] != probabilities.shape[0]):
        raise DataError(f"Probabilities of shape {tuple(probabilities.shape)} for photos of "
                        f"{tuple(images.shape)}: give (count, height, width, classes), equal in the first "
                        "three.")
    for name, value in (("window", window), ("dilation", dilation)):
        if int(value) != value or value < 1:
            raise DataError(f"{name}={value!r}: give a whole number, 1 or more.")
    if window % 2 == 0:
        raise DataError(f"window={window}: give an odd number, so that it has a middle.")
    try:
        values = np.asarray(probabilities)
    except (NotImplementedError, TypeError):
        return  # symbolic, inside a compiled function: there are no values yet
    check_probabilities(values)
