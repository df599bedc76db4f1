"""Features of a frozen network: those of the network, computed once, and never another's."""

import keras
import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone
from fashion_tf.models.feature_cache import frozen_features


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


def pooled(seed=1, scale=None):
    """A network within a network, as lessons put one together; small, for most tests make several."""
    maps = inputs = keras.Input((32, 32, 3))
    for number in range(2):
        draw = keras.initializers.GlorotUniform(10 * seed + number)
        maps = keras.layers.Conv2D(8, 3, strides=4, activation="relu", kernel_initializer=draw)(maps)
    parts = [keras.Input((32, 32, 3)), *([keras.layers.Rescaling(scale)] if scale else []), keras.Model(inputs, maps),
             keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential(parts, name="pooled")


@pytest.fixture(scope="module")
def model():
    return pooled()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_features_are_the_networks(model, pictures, tmp_path):
    expected = model.predict(pictures, verbose=0)
    for cache in ("memory", tmp_path, str(tmp_path)):
        found = frozen_features(model, pictures, 3, cache)
        assert found.dtype == np.float32 and found.shape == (7, 8)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert frozen_features(build_backbone("small_resnet", 32, "wardrobe"), pictures, 3).shape == (7, 1, 1, 96)


def test_a_second_call_computes_nothing(model, pictures, tmp_path, monkeypatch):
    first = frozen_features(model, pictures, cache=tmp_path / "kept" / "here")
    again = pooled()  # its layers carry other numbers
    monkeypatch.setattr(again, "predict_on_batch", None)
    np.testing.assert_array_equal(frozen_features(again, pictures, cache=tmp_path / "kept" / "here"), first)


def test_another_network_scaling_or_picture_has_its_own_file(model, pictures, tmp_path):
    other = pictures.copy()
    other[3, 5, 5] ^= 1
    runs = [(model, pictures), (pooled(seed=2), pictures), (pooled(scale=2.0), pictures),
            (pooled(scale=3.0), pictures), (model, other), (model, pictures[:6])]
    for number, (network, images) in enumerate(runs, 1):
        found = frozen_features(network, images, cache=tmp_path)
        np.testing.assert_allclose(found, network(images), rtol=1e-5, atol=1e-5)
        assert len(files(tmp_path)) == number


@pytest.mark.parametrize("damage", [lambda data: data[:len(data) // 2], lambda data: b"", lambda data: b"no array",
                                    lambda data: data[:200]])
def test_damaged_files_are_computed_again(model, pictures, tmp_path, damage, capsys):
    whole = frozen_features(model, pictures, cache=tmp_path)
    (name,) = files(tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    np.testing.assert_array_equal(frozen_features(model, pictures, cache=tmp_path), whole)
    assert "damaged or cut off" in capsys.readouterr().out
    np.testing.assert_array_equal(np.load(tmp_path / name), whole)


def test_what_cannot_be_kept_or_computed(model, pictures, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: the features cannot be kept there .*another folder"):
        frozen_features(model, pictures, cache=tmp_path / "file")
    with pytest.raises(DataError, match="No pictures"):
        frozen_features(model, pictures[:0])
