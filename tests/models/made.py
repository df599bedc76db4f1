"""What the tests of segmenters share."""

import numpy as np


def pictures(count=2, height=64, width=96, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def assert_as_the_padded_picture(build, height, width, classes):
    """A segmenter of any size answers as the one of the padded size does for the padded picture, cut back.

    Args:
        build: Function of height and width, and of ``padded``, the size that its backbone is made for.
    """
    whole = tuple(-(-side // 32) * 32 for side in (height, width))
    model, larger = build(height, width, padded=whole), build(*whole)
    batch = pictures(1, height, width)
    padded = np.zeros((1, *whole, 3), np.uint8)
    padded[:, :height, :width] = batch
    answer = model.predict(batch, verbose=0)
    assert answer.shape == (1, height, width, classes)
    np.testing.assert_allclose(answer, larger.predict(padded, verbose=0)[:, :height, :width], atol=1e-6)
