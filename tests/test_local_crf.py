"""The local CRF beside mean field written out over all pairs, in float64."""

from functools import partial

import numpy as np
import pytest

from fashion_tf.crf import dense_crf, local_crf
from fashion_tf.errors import DataError

PARAMETERS = {"theta_alpha": 4.0, "theta_beta": 60.0, "w1": 4.0, "theta_gamma": 2.0, "w2": 3.0,
              "iterations": 3}


def photos(count=2, height=5, width=6, classes=4, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return images, generator.dirichlet(np.ones(classes), (count, height, width)).astype(np.float32)


def all_pairs(image, probabilities, theta_alpha, theta_beta, w1, theta_gamma, w2, iterations, heard=None):
    """Mean field in O(N^2); `heard(rows, columns)` says which steps between two pixels count."""
    height, width, classes = probabilities.shape
    places = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2).astype(float)
    colours = image.reshape(-1, 3).astype(float)
    steps = places[:, None] - places
    space, colour = (steps**2).sum(-1), ((colours[:, None] - colours)**2).sum(-1)
    within = 1 if heard is None else heard(steps[..., 0], steps[..., 1])
    total = 0
    for weight, kernel in ((w1, np.exp(-space / (2 * theta_alpha**2) - colour / (2 * theta_beta**2))),
                           (w2, np.exp(-space / (2 * theta_gamma**2)))):
        kernel = kernel * within
        sums = kernel.sum(1)
        total = total + weight * kernel / np.sqrt(sums[:, None] * sums)
    unary = -np.log(np.maximum(probabilities.reshape(-1, classes).astype(float), 1e-8))
    beliefs = np.exp(-unary) / np.exp(-unary).sum(1, keepdims=True)
    for _ in range(iterations):
        scores = total @ beliefs - unary
        beliefs = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return beliefs.reshape(height, width, classes)


def test_window_that_covers_the_picture_is_mean_field_itself():
    images, probabilities = photos()
    found = np.asarray(local_crf(images, probabilities, **PARAMETERS, window=11))
    for image, one, ours in zip(images, probabilities, found):
        reference = all_pairs(image, one, **PARAMETERS)
        np.testing.assert_allclose(ours, reference, atol=2e-6)
        assert np.abs(reference - one).max() > 0.3  # the CRF has done something


@pytest.mark.parametrize(("window", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2)])
def test_pixels_outside_the_window_or_the_picture_are_not_heard(window, dilation):
    images, probabilities = photos(count=1)

    def heard(rows, columns):
        reach = window // 2 * dilation
        return ((np.abs(rows) <= reach) & (np.abs(columns) <= reach)
                & (rows % dilation == 0) & (columns % dilation == 0))

    found = np.asarray(local_crf(images, probabilities, **PARAMETERS, window=window, dilation=dilation))
    np.testing.assert_allclose(found[0], all_pairs(images[0], probabilities[0], **PARAMETERS, heard=heard),
                               atol=2e-6)


def test_the_border_of_the_picture_is_nobody():
    """A black photo whose pixels all agree: a border of black pixels with no belief would pull."""
    images = np.zeros((1, 6, 6, 3), np.uint8)
    probabilities = np.full((1, 6, 6, 2), (0.6, 0.4), np.float32)
    found = np.asarray(local_crf(images, probabilities, **PARAMETERS, window=5))
    reference = all_pairs(images[0], probabilities[0], **PARAMETERS,
                          heard=lambda rows, columns: np.maximum(abs(rows), abs(columns)) <= 2)
    np.testing.assert_allclose(found[0], reference, atol=2e-6)
    assert found[0, 0, 0, 0] > 0.9


def test_one_kernel_alone_and_no_iterations():
    images, probabilities = photos(count=1, height=4, width=3)
    for change in ({"w1": 0.0}, {"w2": 0.0}, {"w1": 0.0, "w2": 0.0}, {"iterations": 0}):
        settings = PARAMETERS | change
        found = np.asarray(local_crf(images, probabilities, **settings, window=7))
        np.testing.assert_allclose(found[0], all_pairs(images[0], probabilities[0], **settings), atol=2e-6)


def test_a_batch_equals_its_photos_one_by_one():
    images, probabilities = photos(count=3)
    together = np.asarray(local_crf(images, probabilities, **PARAMETERS, window=5))
    for number in range(3):
        alone = local_crf(images[number:number + 1], probabilities[number:number + 1], **PARAMETERS, window=5)
        np.testing.assert_allclose(together[number], np.asarray(alone)[0], atol=1e-6)


@pytest.mark.parametrize("compiled", [True, False])
def test_in_a_function_of_any_batch_size(compiled):
    tf = pytest.importorskip("tensorflow")
    images, probabilities = photos()
    function = tf.function(partial(local_crf, **PARAMETERS, window=5), jit_compile=compiled, input_signature=[
        tf.TensorSpec((None, 5, 6, 3), tf.uint8), tf.TensorSpec((None, 5, 6, 4), tf.float32)])
    found = function(images, probabilities).numpy()
    np.testing.assert_allclose(found, np.asarray(local_crf(images, probabilities, **PARAMETERS, window=5)),
                               atol=1e-6)


@pytest.mark.slow
def test_agrees_with_the_lattice_where_the_window_covers_the_kernels():
    """Patches of colour, as photos have: the lattice is an approximation, labels are nearly all alike."""
    tf = pytest.importorskip("tensorflow")
    rows, columns = np.mgrid[:10, :10]
    patches = (rows // 5 + columns // 5) % 3
    image = np.stack([60 + 70 * patches, 200 - 60 * patches, 40 * patches], -1).astype(np.uint8)
    noise = np.random.default_rng(1).dirichlet(np.ones(3), (10, 10))
    probabilities = (0.5 * np.eye(3)[patches] + noise).astype(np.float32) / 1.5
    settings = PARAMETERS | {"theta_beta": 20.0, "iterations": 10}
    compiled = tf.function(partial(local_crf, **settings, window=19), jit_compile=True)
    local = compiled(image[None], probabilities[None])[0].numpy()
    exact = dense_crf(image, probabilities, **settings)
    assert (local.argmax(-1) == exact.argmax(-1)).mean() >= 0.99
    assert (local.argmax(-1) == patches).mean() > (probabilities.argmax(-1) == patches).mean() + 0.05


@pytest.mark.parametrize(("change", "message"), [
    ({"window": 4}, "window=4: give an odd number"),
    ({"window": 0}, "window=0: give a whole number, 1 or more"),
    ({"dilation": 0}, "dilation=0"),
    ({"theta_alpha": 0}, "theta_alpha=0: a kernel's width must be greater than 0"),
    ({"theta_beta": -1}, "theta_beta=-1"),
    ({"w1": -2}, "w1=-2: a kernel's weight must not be negative"),
    ({"iterations": 2.5}, "iterations=2.5"),
    ({"images": np.zeros((5, 6, 3), np.uint8)}, "a single one as photo"),
    ({"images": np.zeros((2, 5, 7, 3), np.uint8)}, "equal in the first three"),
    ({"images": np.zeros((1, 5, 6, 3), np.uint8)}, "equal in the first three"),
    ({"probabilities": np.zeros((5, 6, 4), np.float32)}, "equal in the first three"),
    ({"probabilities": np.full((2, 5, 6, 4), np.nan)}, "not finite"),
    ({"probabilities": np.full((2, 5, 6, 4), -1.0)}, "give a softmax, not logits"),
    ({"probabilities": -np.log(photos()[1])}, r"not -log\(p\)"),
])
def test_bad_input_is_refused(change, message):
    images, probabilities = photos()
    arguments = {"images": images, "probabilities": probabilities} | PARAMETERS | change
    with pytest.raises(DataError, match=message):
        local_crf(**arguments)
