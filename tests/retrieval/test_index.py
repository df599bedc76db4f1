import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashion_tf import retrieval
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError
from fashion_tf.models.backbones import build_backbone
from fashion_tf.predictor import load_predictor, predict, save_predictor
from fashion_tf.retrieval import build_embedder, build_index, colour_histograms, embed, load_index

SIZE = (32, 24)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A table of eight photos in two colours, with a column of every kind."""
    folder, draw = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(8):
        picture = draw.integers(0, 90, (40, 30, 3))
        picture[..., number % 2] += 150
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number}.png")
    table = pd.DataFrame({
        "image": [str(folder / f"{number}.png") for number in range(8)],
        "label": pd.Categorical(["red", "green"] * 4, categories=["red", "green", "never"]),
        "split": "", "group": [f"g{number // 2}" for number in range(8)],
        "year": pd.array([2011, None] * 4, dtype="Int64"), "weight": np.arange(8) / 7,
        "colour": ["ü", None] * 4, "box": [(0, 0, 10 + number, 20) for number in range(8)]})
    return Dataset("photos", table, ("red", "green", "never"), ("A note.",))


@pytest.fixture(scope="module")
def embedder():
    return build_embedder("small_resnet", SIZE)


@pytest.fixture(scope="module")
def index(photos, embedder):
    return build_index(photos, embedder, SIZE, batch_size=3, about={"lesson": 34})


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3, 4, 5])
@pytest.mark.parametrize("pooling", ["average", "maximum"])
def test_a_stage_is_pooled_and_brought_to_length_one(photos, stage, pooling):
    keras.utils.set_random_seed(1)
    network = build_backbone("small_resnet", SIZE, pyramid=True)
    pictures = photos.images(SIZE)
    maps = network.predict(pictures, verbose=0)[stage - 2]
    pooled = maps.mean((1, 2)) if pooling == "average" else maps.max((1, 2))
    found = embed(photos, build_embedder(network, SIZE, stage=stage, pooling=pooling), SIZE)
    assert found.shape == (8, maps.shape[-1]) and found.dtype == np.float32
    np.testing.assert_allclose(found, pooled / np.linalg.norm(pooled, axis=1, keepdims=True), atol=1e-5)


def test_the_last_stage_is_that_of_the_backbone_by_name_and_of_a_trained_one(photos):
    network = build_backbone("small_resnet_v2", SIZE, seed=3)
    by_model, by_name = build_embedder(network, SIZE), build_embedder("small_resnet_v2", SIZE)
    by_name.set_weights(network.get_weights())
    np.testing.assert_array_equal(embed(photos, by_model, SIZE), embed(photos, by_name, SIZE))
    with pytest.raises(DataError, match="build it with pyramid=True"):
        build_embedder(network, SIZE, stage=3)


@pytest.mark.parametrize("arguments, message", [
    ({"stage": 1}, "no stage 1"), ({"pooling": "median"}, "no pooling 'median'")])
def test_unknown_settings(arguments, message):
    with pytest.raises(DataError, match=message):
        build_embedder("small_resnet", SIZE, **arguments)


def test_a_photo_without_direction_is_named(photos):
    blank = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D(),
                              keras.layers.Rescaling(0.0)])
    with pytest.raises(DataError, match="0.png: its embedding is all zeros"):
        embed(photos, blank, SIZE)
    with pytest.raises(DataError, match="the table is empty"):
        embed(photos.where(np.zeros(8, bool)), blank, SIZE)


def test_histograms_are_the_roots_of_counted_colours(tmp_path):
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[0, 0] = (255, 31, 32)  # bins of 32: red 7, green 0, blue 1
    Image.fromarray(picture).save(tmp_path / "a.png")
    table = pd.DataFrame({"image": [str(tmp_path / "a.png")], "split": "", "group": "a",
                          "label": pd.Categorical(["a"])})
    found = colour_histograms(Dataset("one", table, ("a",)), image_size=4)[0]
    assert np.flatnonzero(found).tolist() == [0, 7 * 64 + 1]
    np.testing.assert_allclose(found[[0, 449]], np.sqrt([15 / 16, 1 / 16]), rtol=1e-6)
    with pytest.raises(DataError, match="bins=1"):
        colour_histograms(Dataset("one", table, ("a",)), bins=1)


def test_colours_find_photos_of_their_colour(photos):
    scores = retrieval.measure_retrieval(colour_histograms(photos), photos.table["label"], k=3)
    assert scores["precision"].eq(1).all()


def test_a_saved_index_comes_back_as_it_was(index, photos, tmp_path):
    folder = index.save(tmp_path / "deep" / "index")
    found = load_index(folder)
    pd.testing.assert_frame_equal(found.table, photos.table)
    assert (found.dataset.name, found.dataset.classes, found.dataset.notes) == ("photos", photos.classes, photos.notes)
    np.testing.assert_array_equal(found.embeddings, index.embeddings)
    assert found.embedder.about == {"lesson": 34} and found.crop_to_box is False
    queries = found.embed(photos.table["image"].to_list(), batch_size=5)
    np.testing.assert_allclose(queries, index.embeddings, atol=1e-5)
    assert found.search(queries, 1)[0][:, 0].tolist() == list(range(8))


def test_the_query_and_its_group_are_left_out(index):
    rows = np.arange(8)
    positions, similarities = index.search(index.embeddings, 7, rows)
    assert all(sorted([row, *found]) == list(rows) for row, found in zip(rows, positions))
    assert (np.diff(similarities, axis=1) <= 0).all()
    positions, _ = index.search(index.embeddings, 6, rows, without_group=True)
    assert all(sorted([row, row ^ 1, *found]) == list(rows) for row, found in zip(rows, positions))


def test_faiss_answers_as_the_matrix_product(index):
    pytest.importorskip("faiss", reason="FAISS is not installed (extra [faiss])")
    rows = np.arange(8)
    _, exact = index.search(index.embeddings, 1, rows, without_group=True)
    _, found = index.search(index.embeddings, 1, rows, without_group=True, exact=False)
    assert (found[~np.isnan(found)] <= exact[~np.isnan(found)] + 1e-5).all()


def test_only_new_rows_are_embedded(index, photos, tmp_path, monkeypatch):
    part = build_index(photos.where(np.arange(5)), index.embedder.model, SIZE)
    stored = load_index(part.save(tmp_path / "index"))
    seen = []
    model = stored.embedder.model
    monkeypatch.setattr(model, "predict_on_batch", lambda pictures: seen.append(len(pictures)) or np.asarray(
        model(pictures)))
    longer = stored.extend(photos)
    assert seen == [3]
    pd.testing.assert_frame_equal(longer.table, photos.table)
    np.testing.assert_allclose(longer.embeddings, index.embeddings, atol=1e-5)
    assert longer.extend(photos) is longer and seen == [3]
    assert len(load_index(longer.save(tmp_path / "index"))) == 8
    assert len(stored) == 5


def test_boxes_tell_garments_of_one_photo_apart(photos, embedder):
    table = pd.concat([photos.table.head(1)] * 2, ignore_index=True).assign(box=[(0, 0, 15, 20), (10, 5, 30, 40)])
    two = Dataset("photos", table, photos.classes)
    index = build_index(two.where(np.array([0])), embedder, SIZE, crop_to_box=True).extend(two)
    assert len(index) == 2
    assert not np.allclose(*index.embeddings)


def test_other_classes_do_not_extend_an_index(index, photos):
    other = Dataset("other", photos.table.assign(label=pd.Categorical(["a"] * 8)), ("a",))
    with pytest.raises(DataError, match="other classes"):
        index.extend(other)


def test_folders_with_other_things_are_left_alone(index, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match="full: is there already and holds no index"):
        index.save(tmp_path / "full")
    folder = index.save(tmp_path / "index")
    (folder / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match=r"index: holds more than an index \(diary.txt\)"):
        index.save(folder)
    assert (folder / "diary.txt").read_text() == "mine"


def test_a_full_disk_is_told_of_the_index_and_not_of_a_place_that_is_gone(index, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index.embedder.model, "save", full)
    with pytest.raises(DataError) as told:
        index.save(tmp_path / "index")
    assert str(told.value) == (f"{tmp_path / 'index'}: the index cannot be written ([Errno 28] No space left on "
                               "device); nothing was changed.")
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def saved(index, tmp_path_factory):
    return index.save(tmp_path_factory.mktemp("saved") / "index")


def damage(folder, name, change):
    file = folder / name
    file.write_bytes(change(file.read_bytes()))


def edited(**fields):
    return lambda data: json.dumps(json.loads(data) | fields).encode()


@pytest.mark.parametrize("name, change, message", [
    ("index.json", lambda data: data[:50], "index.json, line .*: not JSON"),
    ("index.json", edited(format=2), "format 2 is newer"), ("index.json", edited(format="x"), "no index's description"),
    ("index.json", edited(classes="abc"), "the field 'classes' is missing or no list"),
    ("index.json", edited(rows=9), "8 rows where index.json says 9"),
    ("table.jsonl", lambda data: data[:-30], "table.jsonl, line 8: not JSON"),
    ("table.jsonl", lambda data: b"[" * 100_000 + b"\n" + data, "table.jsonl, line 1: not JSON"),
    ("table.jsonl", lambda data: b"\n".join(data.splitlines()[:7]) + b"\n", r"embeddings.npy: float32 of shape \(8, "),
    ("table.jsonl", lambda data: data.replace(b'"year"', b'"month"', 1), "line 1: its fields must be image"),
    ("table.jsonl", lambda data: data.replace(b"2011", b'"x"', 1), "column 'year' does not hold Int64"),
    ("embeddings.npy", lambda data: data[:-10], "embeddings.npy: cannot be read"),
    ("embeddings.npy", lambda data: data[:-4] + b"\0\0\xff\x41", "not every row has length 1"),
])
def test_damaged_files_are_named(saved, tmp_path, name, change, message):
    folder = shutil.copytree(saved, tmp_path / "index")
    damage(folder, name, change)
    with pytest.raises(DataError, match=message):
        load_index(folder)


def test_files_that_are_absent_or_of_another_kind(saved, tmp_path):
    with pytest.raises(DataError, match="index.json: no such file"):
        load_index(tmp_path)
    folder = shutil.copytree(saved, tmp_path / "index")
    (folder / "embeddings.npy").unlink()
    with pytest.raises(DataError, match="embeddings.npy: cannot be read"):
        load_index(folder)
    shutil.rmtree(folder / "embedder")
    model = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()])
    save_predictor(folder / "embedder", model, ("a", "b", "c"), SIZE)
    with pytest.raises(DataError, match="a model for classification; an index needs one for embedding"):
        load_index(folder)


def test_an_embedder_is_no_classifier_and_the_other_way_round(saved, photos):
    embedder = load_predictor(saved / "embedder")
    with pytest.raises(DataError, match="saved for embedding, not for classification: use fashion_tf.retrieval"):
        predict(embedder, photos.table["image"][0])
