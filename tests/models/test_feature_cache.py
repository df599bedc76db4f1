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


def pooled(weights="wardrobe", scale=None):
    backbone = build_backbone("small_resnet", 32, weights, seed=None if weights else 1)
    parts = [keras.Input((32, 32, 3)), *([keras.layers.Rescaling(scale)] if scale else []), backbone,
             keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential(parts, name="pooled")


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_features_are_the_networks(pictures, tmp_path):
    model = pooled()
    expected = model.predict(pictures, verbose=0)
    for cache in ("memory", tmp_path, str(tmp_path)):
        found = frozen_features(model, pictures, 3, cache)
        assert found.dtype == np.float32 and found.shape == (7, 96)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert frozen_features(build_backbone("small_resnet", 32, "wardrobe"), pictures, 3).shape == (7, 1, 1, 96)


def test_a_second_call_computes_nothing(pictures, tmp_path, monkeypatch):
    first = frozen_features(pooled(), pictures, cache=tmp_path / "kept" / "here")
    model = pooled()  # its layers carry other numbers
    monkeypatch.setattr(model, "predict_on_batch", None)
    np.testing.assert_array_equal(frozen_features(model, pictures, cache=tmp_path / "kept" / "here"), first)


def test_another_network_scaling_or_picture_has_its_own_file(pictures, tmp_path):
    other = pictures.copy()
    other[3, 5, 5] ^= 1
    runs = [(pooled(), pictures), (pooled(None), pictures), (pooled(scale=2.0), pictures),
            (pooled(scale=3.0), pictures), (pooled(), other), (pooled(), pictures[:6])]
    for number, (model, images) in enumerate(runs, 1):
        found = frozen_features(model, images, cache=tmp_path)
        np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=1e-5)
        assert len(files(tmp_path)) == number


@pytest.mark.parametrize("damage", [lambda data: data[:len(data) // 2], lambda data: b"", lambda data: b"no array",
                                    lambda data: data[:200]])
def test_damaged_files_are_computed_again(pictures, tmp_path, damage, capsys):
    model = pooled()
    whole = frozen_features(model, pictures, cache=tmp_path)
    (name,) = files(tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    np.testing.assert_array_equal(frozen_features(model, pictures, cache=tmp_path), whole)
    assert "damaged or cut off" in capsys.readouterr().out
    np.testing.assert_array_equal(np.load(tmp_path / name), whole)


def test_what_cannot_be_kept_or_computed(pictures, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: the features cannot be kept there .*another folder"):
        frozen_features(pooled(), pictures, cache=tmp_path / "file")
    with pytest.raises(DataError, match="No pictures"):
        frozen_features(pooled(), pictures[:0])
