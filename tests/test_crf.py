"""The dense CRF against mean field over all pairs of pixels, in float64, and against pydensecrf."""

import inspect

import numba
import numpy as np
import pytest

from fashion_tf.crf import DenseCRF, dense_crf, from_labels
from fashion_tf.crf.lattice import Lattice
from fashion_tf.errors import DataError

CLASSES = 4
COLOURS = np.array([[200, 200, 190], [180, 40, 50], [40, 60, 170], [60, 140, 60]])


def softmax(scores):
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def scene(height=12, width=14, seed=0, classes=CLASSES, noise=0.6):
    """Coloured patches and an unsure network: (image, probabilities, true labels)."""
    draw, truth = np.random.default_rng(seed), np.zeros((height, width), int)
    truth[:height // 2, width // 3:] = 1
    truth[height // 2:, :width // 2] = 2
    truth[height // 4:3 * height // 4, width // 2:3 * width // 4] = 3
    image = np.clip(COLOURS[truth] + draw.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)
    scores = 0.8 * np.eye(classes)[truth] + draw.normal(0, noise, (height, width, classes))
    return image, softmax(scores).astype(np.float32), truth


# The reference: every pair of pixels


def features(image, space, colour=None):
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([columns, rows], axis=-1).reshape(-1, 2) / space
    return places if colour is None else np.hstack([places, image.reshape(-1, 3) / float(colour)])


def kernel(points):
    """exp(-|f_i - f_j|^2 / 2), symmetrically normalised. A pixel is its own neighbour too, as in the
    authors' released code."""
    weights = np.exp(-((points[:, None] - points) ** 2).sum(-1) / 2)
    norm = 1 / np.sqrt(weights.sum(1))
    return norm[:, None] * weights * norm


def mean_field(pairs, probabilities, iterations=10, compatibility=None):
    """Algorithm 1 of the paper, with the sum of weighted kernels in `pairs`, (pixels, pixels)."""
    classes = probabilities.shape[-1]
    costs = 1 - np.eye(classes) if compatibility is None else compatibility
    unary = -np.log(np.maximum(probabilities.reshape(-1, classes).astype(float), 1e-8))
    beliefs = softmax(-unary)
    for _ in range(iterations):
        beliefs = softmax(-unary - pairs @ beliefs @ costs)
    return beliefs.reshape(probabilities.shape)


def brute_force(image, probabilities, theta_alpha, theta_beta, w1, theta_gamma=3.0, w2=3.0, **options):
    pairs = w1 * kernel(features(image, theta_alpha, theta_beta)) + w2 * kernel(features(image, theta_gamma))
    return mean_field(pairs, probabilities, **options)


def solved(image, probabilities, *parameters, **options):
    return DenseCRF(image).infer(probabilities, *parameters, **options)


PARAMETERS = [(3, 20, 5), (10, 30, 3), (30, 10, 10), (5, 60, 5), (1, 5, 1), (100, 200, 2)]


def shifted(parameters, which, factor):
    return tuple(value * factor if number == which else value for number, value in enumerate(parameters))


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_one_iteration_is_near_brute_force(parameters):
    """The lattice's Gaussian is an approximation: over these parameters and four scenes the mean
    difference is 0.0017 to 0.0096 while the probabilities move by 0.08 to 0.2 on average."""
    for seed in (0, 1):
        image, probabilities, _ = scene(seed=seed)
        ours = solved(image, probabilities, *parameters, iterations=1)
        exact = brute_force(image, probabilities, *parameters, iterations=1)
        error = np.abs(ours - exact).mean()
        assert error < 0.012 and error < 0.09 * np.abs(exact - probabilities).mean()
        assert (ours.argmax(-1) == exact.argmax(-1)).mean() >= 0.97


@pytest.mark.parametrize("parameters", PARAMETERS[:5])  # the sixth has no structure to agree on
def test_ten_iterations_are_near_brute_force(parameters):
    alike, changed = [], []
    for seed in range(3):
        image, probabilities, _ = scene(seed=seed)
        ours = solved(image, probabilities, *parameters).argmax(-1)
        alike.append(ours == brute_force(image, probabilities, *parameters).argmax(-1))
        changed.append(ours != probabilities.argmax(-1))
    assert np.mean(alike) > 0.98 and np.mean(changed) > 0.2


def heard(after, before):
    """The messages of one pass, each label's less the mean: what it has added to the logarithms."""
    message = np.log(after) - np.log(np.maximum(before, 1e-8))
    return message - message.mean(-1, keepdims=True)


@pytest.mark.parametrize("which, factor", [(0, 2), (1, 2), (2, 0.5), (0, 0.5), (1, 0.5), (2, 2)])
def test_the_messages_of_one_pass_are_the_sums_over_all_pairs(which, factor):
    """What lesson 52 compares: labels after ten passes agree for wrong parameters, too; messages do not."""
    image, probabilities, _ = scene(24, 30)
    parameters = (8.0, 15.0, 5.0)
    ours = heard(solved(image, probabilities, *parameters, iterations=1), probabilities)
    right, wrong = (np.linalg.norm(ours - expected) / np.linalg.norm(expected) for expected in (
        heard(brute_force(image, probabilities, *given, iterations=1), probabilities)
        for given in (parameters, shifted(parameters, which, factor))))
    assert right < 0.1 and wrong > 1.5 * right


@pytest.mark.parametrize("which, factor", [(0, 0.5), (1, 2), (2, 0.5), (3, 0.5), (4, 2)])
def test_every_parameter_is_told_from_another(which, factor):
    """The approximation is nearer to the parameter given than to its half or double."""
    image, probabilities, _ = scene(24, 30)
    parameters = (4.0, 12.0, 3.0, 2.0, 2.0)
    ours = solved(image, probabilities, *parameters, iterations=1)
    right, wrong = (np.abs(ours - brute_force(image, probabilities, *given, iterations=1)).mean()
                    for given in (parameters, shifted(parameters, which, factor)))
    assert right < 0.6 * wrong


# The lattice


def lattices(crf):
    """What the lattices do to each pixel alone: the matrices of their kernels, by width."""
    pixels = np.eye(crf.image.shape[0] * crf.image.shape[1], dtype=np.float32)
    return {widths: lattice.filter(pixels).astype(float) for widths, lattice in crf.lattices.items()}


@pytest.mark.parametrize("widths", [(3.0, None), (1.5, None), (10, 30), (5, 60)])
def test_the_lattice_is_nearly_the_gaussian(widths):
    """The rows of the exact kernel sum to about 1, and of that 8 to 10 % lie elsewhere."""
    image, _, _ = scene()
    points = features(image, *widths)
    lattice, exact = Lattice(points), kernel(points)
    ours = lattice.filter(np.eye(len(points), dtype=np.float32))
    assert lattice.corners > 10 and ours.shape == exact.shape
    assert np.abs(ours - exact).sum(1).mean() < 0.12
    assert np.corrcoef(ours.ravel(), exact.ravel())[0, 1] > 0.99
    for column in (0, 100):  # any number of channels gives the same
        np.testing.assert_allclose(lattice.filter(np.eye(len(points))[:, column:column + 1])[:, 0],
                                   ours[:, column], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4, 8, 9, 25])  # padded to 8, 8, 8, 16, 32
@pytest.mark.parametrize("compatible", ["potts", "other"])
def test_mean_field_with_the_lattices_own_kernels(classes, compatible):
    """With the approximation on both sides nothing but rounding is left."""
    image, probabilities, _ = scene(classes=max(classes, 4))
    probabilities = probabilities[..., :classes] / probabilities[..., :classes].sum(-1, keepdims=True)
    costs = None
    if compatible == "other":
        costs = np.random.default_rng(3).uniform(0, 2, (classes, classes))
        costs = costs + costs.T
    crf = DenseCRF(image)
    for iterations in (1, 4):
        w1, w2 = 0.5 * classes, 0.4 * classes  # among more labels a neighbour's belief in one is weaker
        ours = crf.infer(probabilities, 5, 30, w1, 2, w2, iterations, costs)
        found = lattices(crf)
        expected = mean_field(w1 * found[5, 30] + w2 * found[2, None], probabilities, iterations, costs)
        assert ours.dtype == np.float32 and ours.shape == probabilities.shape
        assert np.abs(expected - probabilities).max() > 0.1
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_labels_that_are_certain():
    """Probabilities of 0 and 1, whose neighbours push hard: no number overflows."""
    image, _, truth = scene()
    crf, probabilities = DenseCRF(image), np.eye(CLASSES)[truth]
    ours = crf.infer(probabilities, 5, 30, 40, 2, 30, 5)
    found = lattices(crf)
    expected = mean_field(40 * found[5, 30] + 30 * found[2, None], probabilities, 5)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    np.testing.assert_allclose(ours.sum(-1), 1, atol=1e-5)
    # A probability of 0 is taken for 10^-8, and may still grow.
    start = crf.infer(probabilities, 5, 30, 40, iterations=0)
    np.testing.assert_allclose(start[probabilities == 0], 1e-8, rtol=1e-3)


# Compatibility, weights, iterations


def test_dense_crf_is_all_in_one_call():
    image, probabilities, _ = scene()
    np.testing.assert_array_equal(
        dense_crf(image, probabilities, theta_alpha=3, theta_beta=20, w1=5, iterations=2),
        solved(image, probabilities, 3, 20, 5, iterations=2))


def test_potts_is_the_default():
    image, probabilities, _ = scene()
    potts = 1 - np.eye(CLASSES)
    default = solved(image, probabilities, 3, 20, 5)
    given = solved(image, probabilities, 3, 20, 5, compatibility=potts)
    np.testing.assert_allclose(given, default, atol=2e-4)
    double = solved(image, probabilities, 3, 20, 2.5, w2=1.5, compatibility=2 * potts)
    np.testing.assert_allclose(double, default, atol=2e-4)


def test_another_compatibility_against_brute_force():
    """Labels 1 and 2 may stand side by side at no cost; the other pairs may not."""
    image, probabilities, truth = scene(noise=1.5)
    costs = 1 - np.eye(CLASSES)
    costs[1, 2] = costs[2, 1] = 0
    ours = solved(image, probabilities, 5, 60, 2, compatibility=costs)
    exact = brute_force(image, probabilities, 5, 60, 2, compatibility=costs)
    potts = solved(image, probabilities, 5, 60, 2)
    assert (ours.argmax(-1) == exact.argmax(-1)).mean() > 0.97
    assert (ours.argmax(-1) == potts.argmax(-1)).mean() < 0.95


@pytest.mark.parametrize("w1, w2, left", [(0, 3, {(3.0, None)}), (5, 0, {(3, 20)}), (0, 0, set())])
def test_a_weight_of_zero_leaves_a_kernel_out(w1, w2, left):
    image, probabilities, _ = scene()
    crf = DenseCRF(image)
    ours = crf.infer(probabilities, 3, 20, w1, w2=w2, iterations=3)
    assert set(crf.lattices) == left
    found = lattices(crf)
    pairs = w1 * found.get((3, 20), 0) + w2 * found.get((3.0, None), 0) + np.zeros((168, 168))
    np.testing.assert_allclose(ours, mean_field(pairs, probabilities, 3), atol=3e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_no_iteration_gives_the_input_back(dtype):
    image, probabilities, _ = scene()
    ours = solved(image, probabilities.astype(dtype), 3, 20, 5, iterations=0)
    np.testing.assert_allclose(ours, probabilities, atol=1e-3 if dtype == np.float16 else 4e-6)
    np.testing.assert_allclose(ours.sum(-1), 1, atol=1e-6)


def test_the_paper_takes_ten_iterations_and_a_smoothness_of_three_pixels():
    image, probabilities, _ = scene()
    np.testing.assert_array_equal(
        solved(image, probabilities, 3, 20, 5),
        solved(image, probabilities, 3, 20, 5, theta_gamma=3.0, w2=3.0, iterations=10))
    defaults = inspect.signature(DenseCRF.infer).parameters
    assert [defaults[name].default for name in ("theta_gamma", "w2", "iterations")] == [3.0, 3.0, 10]


def test_noise_goes_and_the_colours_borders_stay():
    image, probabilities, truth = scene(48, 60)
    ours = solved(image, probabilities, 10, 30, 3)
    assert (probabilities.argmax(-1) == truth).mean() < 0.7 < 0.99 < (ours.argmax(-1) == truth).mean()


# Lattices used again, and threads


def test_lattices_used_again_are_as_fresh_ones():
    image, probabilities, _ = scene()
    crf = DenseCRF(image)
    tries = [(3, 20, 5, 3, 3, 10), (3, 20, 1, 3, 1, 3), (10, 20, 5, 3, 3, 10), (3, 30, 5, 2, 3, 2),
             (3, 20, 5, 3, 3, 10)]
    for parameters in tries:
        given = probabilities.copy()
        np.testing.assert_array_equal(crf.infer(given, *parameters), solved(image, given, *parameters))
        np.testing.assert_array_equal(given, probabilities)
    assert set(crf.lattices) == {(3, 20), (10, 20), (3, 30), (3, None), (2, None)}
    kept = dict(crf.lattices)
    crf.infer(probabilities[::-1], 3, 20, 2)
    assert all(crf.lattices[widths] is lattice for widths, lattice in kept.items())


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="numba has one thread on this machine")
@pytest.mark.parametrize("build, use", [(1, 2), (2, 1), (2, 2)])
def test_threads_do_not_matter(build, use):
    image, probabilities, _ = scene(23, 31, classes=9)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = solved(image, probabilities, 5, 30, 1, w2=1, iterations=5)
        numba.set_num_threads(build)
        crf = DenseCRF(image)
        crf.infer(probabilities, 5, 30, 1, w2=1, iterations=0)
        numba.set_num_threads(use)
        np.testing.assert_allclose(crf.infer(probabilities, 5, 30, 1, w2=1, iterations=5), alone, atol=2e-5)
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_small_pictures(size):
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (*size, 3)).astype(np.uint8)
    probabilities = softmax(draw.normal(0, 1, (*size, 3)))
    ours = solved(image, probabilities, 3, 20, 1, w2=1, iterations=3)
    exact = brute_force(image, probabilities, 3, 20, 1, w2=1, iterations=3)
    np.testing.assert_allclose(ours, exact, atol=0.1)
    np.testing.assert_allclose(ours.sum(-1), 1, atol=1e-6)


# A finished labelling


def test_from_labels():
    found = from_labels(np.array([[0, 2], [1, 2]], np.uint8), 3, confidence=0.6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[0.6, 0.2, 0.2], [0.2, 0.2, 0.6]],
                                       [[0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]], rtol=1e-6)
    half = from_labels(np.array([[1]]), 5)
    np.testing.assert_allclose(half, [[[0.125, 0.5, 0.125, 0.125, 0.125]]])


def test_a_labelling_with_holes_is_filled():
    image, _, truth = scene(24, 30)
    holes = np.random.default_rng(1).random(truth.shape) < 0.1
    labels = np.where(holes, (truth + 1) % CLASSES, truth)
    found = solved(image, from_labels(labels, CLASSES), 10, 30, 3).argmax(-1)
    assert (labels == truth).mean() < 0.92 and (found == truth).mean() > 0.99


@pytest.mark.parametrize("labels, classes, confidence, message", [
    ([[0, 3]], 3, 0.5, "labels hold 3; there are 3 classes, 0 to 2"),
    ([[0, -1]], 3, 0.5, "labels hold -1; there are 3 classes"),
    ([[0, 255]], 3, 0.5, "labels hold 255"),
    ([0, 1], 3, 0.5, r"shape \(2,\)"),
    ([[0.0, 1.0]], 3, 0.5, r"float64; give integers \(height, width\)"),
    ([[0, 1]], 3, 1 / 3, "confidence=0.333.*between 0.333333 and 1"),
    ([[0, 1]], 3, 1.0, "confidence=1.0"), ([[0, 1]], 3, float("nan"), "confidence=nan"),
    ([[0, 0]], 1, 0.5, "confidence=0.5"),
])
def test_bad_labellings(labels, classes, confidence, message):
    with pytest.raises(DataError, match=message):
        from_labels(np.array(labels), classes, confidence)


# Bad input


@pytest.mark.parametrize("image, message", [
    (np.zeros((4, 5, 3)), r"shape \(4, 5, 3\) and float64; the CRF takes uint8"),
    (np.zeros((4, 5, 3), np.int32), "int32"), (np.zeros((4, 5, 3), np.float32), "float32"),
    (np.zeros((4, 5), np.uint8), r"shape \(4, 5\)"), (np.zeros((4, 5, 4), np.uint8), r"shape \(4, 5, 4\)"),
    (np.zeros((1, 4, 5, 3), np.uint8), r"shape \(1, 4, 5, 3\)"),
])
def test_bad_images(image, message):
    with pytest.raises(DataError, match=message):
        DenseCRF(image)


def changed(value):
    _, probabilities, _ = scene()
    probabilities[3, 4, 1] = value
    return probabilities


@pytest.mark.parametrize("probabilities, message", [
    (changed(np.nan), "probabilities hold values that are not finite"),
    (changed(np.inf), "probabilities hold values that are not finite"),
    (changed(-1.5), "probabilities hold -1.5: give a softmax, not logits"),
    (-np.log(scene()[1]), r"add up to .* at pixel \(0, 0\), not to 1: give a softmax, p itself and not -log\(p\)"),
    (scene()[1] * 0.98, "add up to 0.98 at pixel"),
    (np.zeros((12, 14, 4)), "add up to 0 at pixel"),
    (np.full((12, 14, 4), 3e37), "add up to 1.2e\\+38 at pixel"),
    (scene()[1][:-1], r"Probabilities of shape \(11, 14, 4\) for a photo of 12 x 14"),
    (scene()[1].transpose(1, 0, 2), r"Probabilities of shape \(14, 12, 4\) for a photo of 12 x 14"),
    (scene()[1].transpose(2, 0, 1), r"Probabilities of shape \(4, 12, 14\)"),
    (scene()[1][..., 0], r"Probabilities of shape \(12, 14\)"),
    (scene()[1][None], r"Probabilities of shape \(1, 12, 14, 4\)"),
])
def test_bad_probabilities(probabilities, message):
    with pytest.raises(DataError, match=message):
        solved(scene()[0], probabilities, 3, 20, 5)


@pytest.mark.parametrize("classes", [4, 60])
def test_half_precision_is_a_softmax_all_the_same(classes):
    image, probabilities, _ = scene(classes=classes)
    half = probabilities.astype(np.float16)
    assert (half.sum(-1, dtype=float) != 1).any()
    np.testing.assert_allclose(solved(image, half, 3, 20, 5), solved(image, probabilities, 3, 20, 5), atol=0.01)


@pytest.mark.parametrize("name, value, message", [
    *[(name, value, f"{name}={value}: a kernel's width must be greater than 0")
      for name in ("theta_alpha", "theta_beta", "theta_gamma") for value in (0, -3.0, float("nan"))],
    *[(name, value, f"{name}={value}: a kernel's weight must not be negative")
      for name in ("w1", "w2") for value in (-1, float("nan"), float("inf"))],
    *[("iterations", value, f"iterations={value}: give a whole number, 0 or more") for value in (-1, 1.5)],
    ("compatibility", np.ones((3, 3)), r"compatibility of shape \(3, 3\): give a symmetric \(4, 4\) matrix"),
    ("compatibility", np.triu(np.ones((4, 4))), r"give a symmetric \(4, 4\) matrix"),
    ("compatibility", np.full((4, 4), np.nan), r"give a symmetric \(4, 4\) matrix"),
    ("compatibility", np.ones(4), r"compatibility of shape \(4,\)"),
])
def test_bad_parameters(name, value, message):
    image, probabilities, _ = scene()
    crf = DenseCRF(image)
    with pytest.raises(DataError, match=message):
        crf.infer(probabilities, **{"theta_alpha": 3, "theta_beta": 20, "w1": 5, name: value})
    assert not crf.lattices


# The authors' code


def released(image, probabilities, theta_alpha, theta_beta, w1, theta_gamma=3.0, w2=3.0, iterations=10):
    densecrf = pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 is not installed")
    height, width, classes = probabilities.shape
    crf = densecrf.DenseCRF2D(width, height, classes)
    unary = -np.log(np.maximum(probabilities, 1e-8)).reshape(-1, classes).T
    crf.setUnaryEnergy(np.ascontiguousarray(unary, np.float32))
    crf.addPairwiseGaussian(sxy=theta_gamma, compat=w2)
    crf.addPairwiseBilateral(sxy=theta_alpha, srgb=theta_beta, rgbim=np.ascontiguousarray(image), compat=w1)
    return np.array(crf.inference(iterations)).T.reshape(height, width, classes)


def test_a_kernel_too_narrow_for_float32_is_refused():
    image, even = np.zeros((100, 100, 3), np.uint8), np.full((100, 100, 2), 0.5, np.float32)
    assert np.isfinite(DenseCRF(image).infer(even, 2e-3, 10, 1)).all()
    with pytest.raises(DataError, match="take a wider kernel"):
        DenseCRF(image).infer(even, 1e-12, 10, 1)


@pytest.mark.parametrize("parameters", [*PARAMETERS, (60, 5, 5), (1, 1, 3), (40, 100, 15)])
def test_labels_are_the_released_codes(parameters):
    image, probabilities, _ = scene(80, 60)
    theirs = released(image, probabilities, *parameters)
    ours = solved(image, probabilities, *parameters)
    assert (ours.argmax(-1) == theirs.argmax(-1)).mean() >= 0.995
    assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.real_data
@pytest.mark.parametrize("parameters", [(30, 10, 10), (40, 100, 15)])
def test_labels_are_the_released_codes_on_a_photo(real_data, parameters):
    import cv2

    from fashion_tf.datasets import ccp, fashionista
    from fashion_tf.datasets.images import read_image, read_mask

    table = ccp.with_masks(ccp.to_fashionista(ccp.read(real_data(ccp.NAME)))).table
    image, mask = read_image(table["image"][3], (300, 200)), read_mask(table["mask"][3], (300, 200))
    # A network's unsure answer: the true labels out of focus, and smooth noise.
    draw = np.random.default_rng(0)
    probabilities = np.stack([
        cv2.GaussianBlur((mask == label).astype(np.float32), (0, 0), 4)
        + 0.3 * cv2.GaussianBlur(draw.random(mask.shape).astype(np.float32), (0, 0), 5)
        for label in range(len(fashionista.CLASSES))], axis=-1)
    probabilities /= probabilities.sum(-1, keepdims=True)
    theirs = released(image, probabilities, *parameters)
    ours = solved(image, probabilities, *parameters)
    assert (ours.argmax(-1) == theirs.argmax(-1)).mean() >= 0.995
    assert (ours.argmax(-1) != probabilities.argmax(-1)).mean() > 0.01
