"""One contract for all stylizers; the small one against its definition; Magenta's with stand-ins of its two files, of
its module, and with the real files where they are."""

import os

import numpy as np
import pytest

from fashion_tf.errors import DataError
from fashion_tf.style import stylizers
from fashion_tf.style.stylizers import MagentaHub, MagentaLite, StatisticsStylizer, load_stylizer, unit_picture


def photo(height=60, width=40, seed=0):
    """Blurred noise, uint8: like a photo, it is rough at all scales."""
    import cv2

    generator = np.random.default_rng(seed)
    picture = sum(cv2.resize(generator.random((2 ** level + 1, 2 ** level + 1, 3)), (width, height)) / 2 ** level
                  for level in range(6)) / 2
    return (255 * picture.clip(0, 1)).astype(np.uint8)


PAINTING = np.dstack([photo(90, 70, seed=5)[..., 0], photo(90, 70, seed=6)[..., 0] // 2, photo(90, 70, seed=7)[..., 0]])


# --- the contract -------------------------------------------------------------------------------


class Mean(stylizers.Stylizer):
    """Paints everything in the style's mean colour: what the contract itself does can be calculated."""

    def style_vector(self, picture):
        return unit_picture(picture).mean((0, 1))

    def paint(self, content, vector):
        return np.broadcast_to(np.asarray(vector, np.float32), content.shape)


def plain(colour, size=(8, 9)):
    return np.full((*size, 3), colour, np.uint8)


def test_styles_are_mixed_by_shares_and_a_strength_leads_back_to_the_photos_own_style():
    content, red, blue = plain((100, 100, 100), (5, 7)), plain((200, 0, 0)), plain((0, 0, 100), (3, 2))
    paint = Mean()
    assert paint(content, red).shape == (5, 7, 3) and paint(content, red).dtype == np.uint8
    assert paint(content, red)[0, 0].tolist() == [200, 0, 0]
    assert paint(content, [red, blue])[0, 0].tolist() == [100, 0, 50]
    assert paint(content, [red, blue], shares=[3, 1])[0, 0].tolist() == [150, 0, 25]
    assert paint(content, red, strength=0)[0, 0].tolist() == [100, 100, 100]
    assert paint(content, red, strength=0.25)[0, 0].tolist() == [125, 75, 75]
    assert (paint(content, paint.style_vector(red)) == paint(content, red)).all()
    assert (paint(content / np.float32(255), red / 255.0) == paint(content, red)).all()


@pytest.mark.parametrize("bad, said", [
    (photo() / 255.0 / 255.0, "black.*divided by 255 twice"),
    (photo() // 200, "black.*divided by 255 twice"),
    (photo().astype(np.float32), "from .* to .*in 0..1. Divide it by 255, once"),
    (photo() / 127.5 - 1, "in 0..1"),
    (np.full((4, 4, 3), np.nan), "in 0..1"),
    (photo().astype(np.int64), "int64"),
    (np.dstack([photo(), photo()[..., :1]]), "transparency"),
    (photo()[..., 0], r"\(height, width, 3\)"),
    (np.zeros((0, 4, 3), np.uint8), r"\(height, width, 3\)"),
])
def test_what_is_no_picture_is_refused_for_content_and_style(bad, said):
    with pytest.raises(DataError, match=said):
        Mean()(bad, photo())
    with pytest.raises(DataError, match=said):
        Mean()(photo(), bad)
    with pytest.raises(DataError, match=said):
        StatisticsStylizer()(photo(), [photo(), bad])


@pytest.mark.parametrize("options, said", [
    ({"strength": 1.1}, "strength"), ({"strength": float("nan")}, "strength"), ({"shares": [1]}, "1 share "),
    ({"shares": [1, -1]}, "0 or more"), ({"shares": [0, 0]}, "not all 0"),
])
def test_shares_and_strength_out_of_range_are_refused(options, said):
    with pytest.raises(DataError, match=said):
        Mean()(photo(), [PAINTING, PAINTING], **options)


def test_there_is_no_other_stylizer(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHION_TF_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError, match="'vangogh'; choose magenta, magenta-hub, statistics"):
        load_stylizer("vangogh")
    with pytest.raises(DataError, match="magenta_prediction_model.tflite: no such file"):
        load_stylizer("magenta")
    assert isinstance(load_stylizer("statistics"), StatisticsStylizer)


# --- statistics ---------------------------------------------------------------------------------


def test_a_photo_painted_by_its_own_vector_stays_as_it_is():
    paint, content = StatisticsStylizer(), photo(61, 47)
    assert np.abs(paint(content, PAINTING, strength=0).astype(int) - content).max() <= 1
    assert np.abs(paint(content, content).astype(int) - content).max() <= 1


def test_the_painted_photo_has_the_paintings_statistics():
    paint = StatisticsStylizer(bands=3)
    paint.FLOOR = 1e-9
    content, style = photo(64, 64) / 255 * 0.6 + 0.2, photo(64, 64, seed=5) / 255 * 0.2 + 0.4
    found, wanted = paint.style_vector(paint.paint(content, paint.style_vector(style))), paint.style_vector(style)
    coarsest = slice(-12, None)  # the finer bands of a pyramid overlap a little, so that they are only near
    np.testing.assert_allclose(found[coarsest], wanted[coarsest], atol=3e-3)
    before = np.abs(paint.style_vector(content) - wanted)
    assert np.abs(found - wanted).sum() < 0.2 * before.sum()


def test_the_linear_map_is_the_optimal_transport_between_gaussians():
    generator = np.random.default_rng(2)
    one, other = (matrix @ matrix.T for matrix in generator.standard_normal((2, 3, 3)))
    linear = stylizers._least_change(one, other)
    np.testing.assert_allclose(linear @ one @ linear, other, atol=1e-9)
    assert np.allclose(linear, linear.T) and (np.linalg.eigvalsh(linear) > 0).all()


def test_any_size_down_to_one_pixel():
    paint = StatisticsStylizer()
    for size in ((1, 1), (1, 9), (2, 3), (257, 31)):
        assert paint(photo(*size) | 8, PAINTING).shape == (*size, 3)
    assert paint(photo(), photo(1, 1) | 8).shape == (60, 40, 3)


# --- Magenta, with stand-ins --------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite_folder(tmp_path_factory):
    """Two TFLite files with Magenta's inputs and outputs: the vector is 100 times the mean colour's numbers, and
    a content is mixed half with its first three."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("lite")
    style = keras.Input((256, 256, 3), batch_size=1)
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(style)
    vector = keras.layers.Concatenate()([mean] * 33 + [mean[..., :1]])
    content, given = keras.Input((48, 48, 3), batch_size=1), keras.Input((1, 1, 100), batch_size=1)
    mixed = keras.layers.Average()([content, keras.layers.UpSampling2D(48)(given[..., :3])])
    for name, model in ((stylizers.STYLE_FILE, keras.Model(style, vector)),
                        (stylizers.TRANSFER_FILE, keras.Model([content, given], mixed))):
        (folder / name).write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return folder


def test_magenta_lite_takes_any_size_and_mixes_vectors(lite_folder):
    paint = MagentaLite(lite_folder)
    assert paint.style_size == (256, 256) and paint.content_size == (48, 48)
    red, blue = plain((200, 0, 0)), plain((0, 0, 100))
    assert paint.style_vector(red).shape == (100,)
    content = plain((100, 100, 100), (31, 77))
    assert paint(content, red).shape == (31, 77, 3)
    assert np.abs(paint(content, red)[5, 5].astype(int) - [150, 50, 50]).max() <= 1
    assert np.abs(paint(content, [red, blue], [1, 3])[5, 5].astype(int) - [75, 50, 88]).max() <= 1
    assert np.abs(paint(content, red, strength=0)[5, 5].astype(int) - 100).max() <= 1
    assert paint(photo(1, 1) | 8, red).shape == (1, 1, 3)


def test_files_of_another_network_and_damaged_ones_are_refused(lite_folder, tmp_path):
    for name in (stylizers.STYLE_FILE, stylizers.TRANSFER_FILE):
        (tmp_path / name).write_bytes((lite_folder / stylizers.STYLE_FILE).read_bytes())
    with pytest.raises(DataError, match="Magenta's transfer network takes"):
        MagentaLite(tmp_path)
    (tmp_path / stylizers.TRANSFER_FILE).write_bytes(b"TFL3 no network" * 9)
    with pytest.raises(DataError, match="no TFLite network"):
        MagentaLite(tmp_path)
    (tmp_path / stylizers.TRANSFER_FILE).unlink()
    with pytest.raises(DataError, match="magenta_transfer_model.tflite: no such file"):
        MagentaLite(tmp_path)


def test_magenta_of_the_hub_is_loaded_and_mixes_painted_pictures(tmp_path):
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((None, None, None, 3))])
        def __call__(self, content, style):
            return [(content + tf.reduce_mean(style, (1, 2), keepdims=True)) / 2]

    tf.saved_model.save(Module(), str(tmp_path / "module"))
    paint = MagentaHub(str(tmp_path / "module"))
    content, red, blue = plain((100, 100, 100), (21, 17)), plain((200, 0, 0)), plain((0, 0, 100))
    assert np.abs(paint(content, red)[3, 3].astype(int) - [150, 50, 50]).max() <= 1
    assert np.abs(paint(content, [red, blue], [1, 3])[3, 3].astype(int) - [75, 50, 88]).max() <= 1
    assert np.abs(paint(content, red, strength=0)[3, 3].astype(int) - 100).max() <= 1
    assert paint(plain(90, (1, 1)), red).shape == (1, 1, 3)
    with pytest.raises(DataError, match="cannot be loaded .*TFHUB_CACHE_DIR"):
        MagentaHub(str(tmp_path / "no such module"))


def test_the_real_magenta_paints_and_less_strength_changes_less():
    folder = os.environ.get("FASHION_TF_WEIGHTS", "")
    if not os.path.isfile(os.path.join(folder, stylizers.TRANSFER_FILE)):
        pytest.skip("no real weights: FASHION_TF_WEIGHTS does not hold Magenta's files")
    paint, content = MagentaLite(folder), photo(300, 200)
    vector, own = paint.style_vector(PAINTING), paint.style_vector(content)
    assert vector.shape == (100,) and np.abs(vector - own).max() > 0.05
    painted = [paint(content, vector, strength=strength).astype(float) for strength in (0, 0.5, 1)]
    assert painted[0].shape == (300, 200, 3) and painted[2].std() > 10
    distance = [np.abs(each - painted[0]).mean() for each in painted]
    assert distance[0] == 0 and 0 < distance[1] < distance[2]
