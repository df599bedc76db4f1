"""Class activation maps against references that share nothing with them: the classifier's weights, and slopes
measured by small steps."""

import keras
import numpy as np
import pytest

from fashion_tf.class_activation import grad_cam, overlay
from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_classifier

SIZE = 64


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def class_activation_map(model, features, head, picture, number):
    """Zhou et al., equation 2: the class's weights on the last feature map."""
    maps = keras.Model(model.input, features)(picture[None], training=False).numpy()[0]
    return np.einsum("ijk,k->ij", maps, head.kernel.numpy()[:, number])


@pytest.mark.parametrize("backbone", ["small_resnet_v2", "small_vgg", "small_densenet"])
def test_behind_an_average_and_a_linear_layer_it_is_the_class_activation_map(backbone, picture):
    """By algebra: the gradient of the score is the weight, divided by the number of places; the network is frozen, and
    a model within a model within the classifier."""
    model = build_classifier(backbone, 5, SIZE, dropout=0.3, seed=1)
    model.trainable = False
    features, head = model.get_layer("features").input, model.get_layer("classifier")
    expected = np.stack([class_activation_map(model, features, head, picture, number) for number in range(5)])
    assert (expected > 0).any() and (expected < 0).any()  # else the ReLU is not seen
    found = np.stack([grad_cam(model, picture, number) for number in range(5)])
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found * expected[0].size, np.maximum(expected, 0), rtol=1e-4, atol=1e-6)


def small_network(head, softmax=True):
    """The same weights with its softmax and without."""
    keras.utils.set_random_seed(3)
    pictures = keras.Input((12, 10, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="tanh", name="last")(x)
    return keras.Model(pictures, head(x, softmax))


def with_softmax_layer(x, softmax):
    x = keras.layers.Dense(6, activation="tanh")(keras.layers.Flatten()(x))
    x = keras.layers.Dense(3)(x)
    return keras.layers.Softmax()(x) if softmax else x


def with_softmax_inside(x, softmax):
    return keras.layers.Dense(3, activation="softmax" if softmax else None)(keras.layers.Flatten()(x))


def in_a_sequence(x, softmax):
    return keras.Sequential([keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3),
                             keras.layers.Activation("softmax" if softmax else "linear")])(x)


@pytest.mark.parametrize("head", [with_softmax_layer, with_softmax_inside, in_a_sequence])
def test_the_weights_are_the_slopes_that_small_steps_measure(head):
    """For heads that are no average: each place of each channel is moved a little, and the score is read."""
    picture = np.random.default_rng(1).integers(0, 256, (12, 10, 3), np.uint8)
    linear = small_network(head, softmax=False)
    last = linear.get_layer("last").output
    features = keras.Model(linear.input, last)(picture[None]).numpy()
    places, step = features.size, 0.01
    steps = step * np.eye(places, dtype=np.float32).reshape(places, *features.shape[1:])
    rest = keras.Model(last, linear.output)
    slopes = (rest(features + steps).numpy() - rest(features - steps).numpy()) / (2 * step)
    for number in range(3):
        weights = slopes[:, number].reshape(features.shape[1:]).mean((0, 1))
        expected = np.maximum(features[0] @ weights, 0)
        np.testing.assert_allclose(grad_cam(small_network(head), picture, number), expected, atol=2e-4)


def test_it_finds_the_place_that_decides():
    """A network that is made by hand: a class for red and one for green, and no weight that was learnt."""
    pictures = keras.Input((32, 32, 3))
    x = keras.layers.AveragePooling2D(4)(keras.layers.Rescaling(1 / 255)(pictures))
    convolution = keras.layers.Conv2D(2, 1, activation="relu")
    dense = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(pictures, dense(keras.layers.GlobalAveragePooling2D()(convolution(x))))
    convolution.set_weights([np.array([[1, -1], [-1, 1], [0, 0]], np.float32).reshape(1, 1, 3, 2), np.zeros(2)])
    dense.set_weights([np.eye(2) * 5, np.zeros(2)])
    picture = np.full((32, 32, 3), 40, np.uint8)
    picture[4:12, 20:28, 0], picture[20:28, 0:8, 1] = 250, 250
    for number, place in ((0, (slice(1, 3), slice(5, 7))), (1, (slice(5, 7), slice(0, 2)))):
        found = grad_cam(model, picture, number)
        inside = np.zeros_like(found, bool)
        inside[place] = True
        assert (found[inside] > 0).all() and (found[~inside] == 0).all()
        shown = overlay(picture, found)
        changed = (shown != picture).any(-1)
        rows, columns = np.nonzero(changed)
        middle = (place[0].start + place[0].stop) * 2, (place[1].start + place[1].stop) * 2
        assert abs(rows.mean() - middle[0]) < 4 and abs(columns.mean() - middle[1]) < 4


def test_a_map_of_nothing_leaves_the_photo_as_it_is(picture):
    np.testing.assert_array_equal(overlay(picture, np.zeros((2, 3))), picture)
    assert overlay(picture, np.ones((2, 3))).shape == picture.shape


def test_what_has_no_map_is_told():
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                             keras.layers.Dense(2, activation="softmax")])
    with pytest.raises(DataError, match="no convolution"):
        grad_cam(flat, np.zeros((8, 8, 3), np.uint8), 0)
    with pytest.raises(DataError, match="Class 3: the model has 3"):
        grad_cam(small_network(with_softmax_inside), np.zeros((12, 10, 3), np.uint8), 3)
