"""Batches: what is in them, in which order, and what is left on disk."""

import itertools
import os
import shutil
import stat
import threading

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from fashion_tf import pipeline
from fashion_tf.augment import Augmentation, augment
from fashion_tf.datasets import images
from fashion_tf.datasets.idx import write_idx
from fashion_tf.datasets.table import Dataset
from fashion_tf.errors import DataError
from fashion_tf.pipeline import batches_of, load_images, make_pipeline

MOVES = Augmentation(rotation=20, shear=10, zoom=0.2, flip=True)
ALL = Augmentation(rotation=20, shear=10, zoom=0.2, flip=True, brightness=0.2, contrast=0.2,
                   saturation=0.2)
CLASSES = ("dress", "hat", "shoe")
COUNT = 20


@pytest.fixture
def photos(tmp_path):
    """20 photos of 60 x 40 pixels with masks and boxes; the garment is the box, the label i % 3."""
    rows = []
    for number in range(COUNT):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)
        photo = cv2.GaussianBlur(noise, (9, 9), 0)
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 20:50] = 1 + number % 3
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / f"{number}-mask.png")
        rows.append((str(tmp_path / f"{number}.png"), str(tmp_path / f"{number}-mask.png")))
    table = pd.DataFrame(rows, columns=["image", "mask"])
    table["label"] = pd.Categorical.from_codes(np.arange(COUNT) % 3, categories=CLASSES)
    table["split"], table["group"] = "train", [f"g{number}" for number in range(COUNT)]
    table["box"] = [(20, 10, 50, 30)] * COUNT
    return Dataset("photos", table, CLASSES)


@pytest.fixture
def counted(monkeypatch):
    """How often a picture or a mask was decoded."""
    calls, lock = [], threading.Lock()

    def counting(decode):
        def decode_counted(encoded):
            with lock:
                calls.append(str(encoded.name))
            return decode(encoded)
        return decode_counted

    for name in ("decode", "numbers"):
        monkeypatch.setattr(images.EncodedPicture, name, counting(getattr(images.EncodedPicture, name)))
    return calls


def collect(batches):
    return [tuple(part.numpy() for part in pair) for pair in batches]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for pair, other in zip(ours, theirs, strict=True):
        for part, same in zip(pair, other, strict=True):
            np.testing.assert_array_equal(part, same)


def different(ours, theirs):
    return any((a[0] != b[0]).any() for a, b in zip(ours, theirs, strict=True))


# What is in a batch


def test_evaluation_gives_every_row_once_in_table_order(photos):
    batches = make_pipeline(photos, (32, 48), 8, training=False, augmentation=ALL)
    assert len(batches) == 3
    pictures, labels = (np.concatenate(parts) for parts in zip(*collect(batches)))
    np.testing.assert_array_equal(labels, photos.labels)
    expected = images.read_images(photos.table["image"], (32, 48))
    np.testing.assert_array_equal(pictures, expected)


def test_training_batches_have_static_shapes(photos):
    batches = make_pipeline(photos, (32, 48), 8, training=True, augmentation=ALL)
    assert len(batches) == len(collect(batches)) == 2
    assert batches.element_spec == (tf.TensorSpec((8, 32, 48, 3), tf.uint8),
                                    tf.TensorSpec((8,), tf.int64))
    shapes = make_pipeline(photos, 32, 8, training=False).element_spec[0].shape
    assert shapes.as_list() == [None, 32, 32, 3]


def test_an_epoch_is_a_full_shuffle_and_keeps_labels_with_pictures(photos):
    batches = make_pipeline(photos, (40, 60), 10, training=True, seed=3)
    originals = images.read_images(photos.table["image"])
    seen = []
    for pictures, labels in collect(batches):
        for picture, label in zip(pictures, labels, strict=True):
            (row,) = np.flatnonzero((originals == picture).all(axis=(1, 2, 3)))
            assert label == row % 3
            seen.append(row)
    assert sorted(seen) == list(range(COUNT)) and seen != sorted(seen)


def test_every_row_is_left_out_of_some_epoch_only(photos):
    """Only full batches are given, but no row is lost for good."""
    batches = make_pipeline(photos, 8, 16, training=True)
    seen = [{picture.tobytes() for picture in pictures} for _ in range(6)
            for pictures, _ in collect(batches)]
    assert len(set.union(*seen)) == COUNT and all(len(epoch) == 16 for epoch in seen)


def test_augmentation_is_the_function_of_the_same_name(photos):
    plain = make_pipeline(photos, 32, 10, training=True, seed=5)
    changed = make_pipeline(photos, 32, 10, training=True, seed=5, augmentation=ALL)
    _, numbers = pipeline._row_numbers(COUNT, 2, True, 5, 0)
    for (before, labels), (after, same), number in zip(
            collect(plain), collect(changed), numbers, strict=True):
        np.testing.assert_array_equal(labels, same)
        expected = augment(before, ALL, number).numpy()
        assert np.abs(after.astype(int) - expected).max() <= 1
        assert np.abs(after.astype(int) - before).mean() > 3


def test_without_xla_the_same_pictures(photos):
    compiled, plain = (collect(make_pipeline(
        photos, 32, 10, training=True, seed=5, augmentation=ALL, jit_compile=jit))
        for jit in (True, False))
    for (ours, _), (theirs, _) in zip(compiled, plain, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_other_strengths_compile_nothing_new(photos):
    """A search tries many."""
    pipeline._compiled.cache_clear()
    changed = []
    for angle in (10, 90):
        for zoom in (0.0, 0.2):
            batches = make_pipeline(photos, 32, 10, training=True, seed=5,
                                    augmentation=Augmentation(rotation=angle, zoom=zoom))
            changed += [pictures for pictures, _ in collect(batches)[:1]]
    assert all((one != other).any() for one, other in itertools.combinations(changed, 2))
    assert pipeline._compiled.cache_info().currsize == 1
    assert pipeline._compiled(True, False, True).experimental_get_tracing_count() == 1


# Boxes and masks


def test_crop_to_box(photos):
    pictures, _ = load_images(photos, (20, 30), crop_to_box=True)
    originals = images.read_images(photos.table["image"])
    np.testing.assert_array_equal(pictures, originals[:, 10:30, 20:50])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_keep_mask_and_box_on_the_garment(photos, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for row in photos.table.itertuples():
        pixels = np.zeros((40, 60, 3), np.uint8)
        pixels[10:30, 20:50] = 200
        Image.fromarray(pixels).save(row.image, exif=exif)
    turned = slice(None, None, -1 if orientation >= 5 else 1)
    pictures, masks = load_images(photos, (40, 60)[turned], with_masks=True)
    np.testing.assert_array_equal(masks > 0, pictures[..., 0] == 200)
    for settings in ({}, {"with_masks": True}):
        pictures, _ = load_images(photos, (20, 30)[turned], crop_to_box=True, **settings)
        assert (pictures == 200).all()


@pytest.mark.parametrize("way, outside", [("zero", (0, 0, 0)), ("mean", pipeline.MEAN_COLOUR)])
def test_apply_mask_fills_what_is_no_garment(photos, way, outside):
    pictures, masks = load_images(photos, (40, 60), apply_mask=way)
    assert masks is None
    originals = images.read_images(photos.table["image"])
    np.testing.assert_array_equal(pictures[:, 10:30, 20:50], originals[:, 10:30, 20:50])
    pictures[:, 10:30, 20:50] = outside
    assert (pictures == outside).all()


def test_a_mask_as_a_fourth_channel_moves_with_the_picture_and_keeps_its_values(photos):
    pictures, _ = load_images(photos, (40, 60), apply_mask="channel")
    np.testing.assert_array_equal(pictures[..., :3], images.read_images(photos.table["image"]))
    inside = np.zeros((40, 60), np.uint8)
    inside[10:30, 20:50] = 255
    np.testing.assert_array_equal(pictures[..., 3], np.broadcast_to(inside, (COUNT, 40, 60)))
    smaller, _ = load_images(photos, (17, 23), apply_mask="channel")  # colours outside the mask stay
    np.testing.assert_array_equal(smaller[..., :3], [images.resize(images.read_image(path), (17, 23))
                                                     for path in photos.table["image"]])
    assert 0 < smaller[..., 3].mean() < 255 and len(np.unique(smaller[..., 3])) > 2
    cropped, _ = load_images(photos, (20, 30), apply_mask="channel", crop_to_box=True)
    assert (cropped[..., 3] == 255).all()
    batch, = collect(make_pipeline(photos, (40, 60), COUNT, training=True, apply_mask="channel", augmentation=ALL))
    alike, = collect(make_pipeline(photos, (40, 60), COUNT, training=True, augmentation=ALL))
    np.testing.assert_array_equal(batch[0][..., :3], alike[0])
    moved = batch[0][..., 3]
    assert set(np.unique(moved)) >= {0, 255} and (moved != inside).any()
    share = (moved > 127).mean((1, 2)) / (inside > 0).mean()  # zoom is 0.2, shear and edges do the rest
    assert (share > 0.5).all() and (share < 1.6).all()


def test_a_square_around_a_box():
    assert pipeline.square_box((10, 0, 20, 40)) == (-5, 0, 35, 40)
    assert pipeline.square_box((0, 0, 20, 10), 1.5) == (-5, -10, 25, 20)


def test_an_unknown_masking_and_an_empty_mask(photos):
    with pytest.raises(DataError, match="apply_mask='black': it must be None, 'zero' or 'mean' or 'channel'"):
        load_images(photos, 16, apply_mask="black")
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(photos.table["mask"][3])
    with pytest.raises(DataError, match="3.png: its mask is empty. Leave such rows out"):
        load_images(photos, 16, apply_mask="zero")
    outside = photos.table.assign(box=[(0, 0, 10, 10)] * COUNT)
    with pytest.raises(DataError, match="0.png: its mask is empty inside its box"):
        load_images(Dataset("photos", outside, CLASSES), 16, apply_mask="mean", crop_to_box=True)


def test_masks_come_instead_of_labels(photos):
    batches = make_pipeline(photos, (17, 23), 8, training=False, with_masks=True)
    pictures, masks = (np.concatenate(parts) for parts in zip(*collect(batches)))
    assert masks.shape == (COUNT, 17, 23) and masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(
        masks, [images.read_mask(mask, (17, 23)) for mask in photos.table["mask"]])
    np.testing.assert_array_equal(
        pictures, [images.resize(images.read_image(image), (17, 23))
                   for image in photos.table["image"]])


def test_masks_are_cropped_like_pictures(photos):
    _, masks = load_images(photos, (20, 30), crop_to_box=True, with_masks=True)
    np.testing.assert_array_equal(masks, np.broadcast_to(
        1 + (np.arange(COUNT) % 3)[:, None, None], (COUNT, 20, 30)))


@pytest.mark.parametrize("cache", ["memory", None])
def test_masks_move_with_pictures(photos, cache):
    batches = make_pipeline(photos, (40, 60), 10, training=True, augmentation=MOVES,
                            apply_mask="zero", with_masks=True, cache=cache)
    assert batches.element_spec[1] == tf.TensorSpec((10, 40, 60), tf.uint8)
    for pictures, masks in collect(batches):
        assert set(np.unique(masks)) <= {0, 1, 2, 3}
        assert (masks[:, 10:30, 20:50] == 0).any()
        # Photos have no black pixel of their own, so black is where no garment is.
        assert np.mean((pictures.max(axis=3) > 40) == (masks > 0)) > 0.98


# Seeds


@pytest.mark.parametrize("cache", ["memory", None, "folder"])
def test_same_seed_same_batches(photos, tmp_path, cache):
    cache = tmp_path / "cache" if cache == "folder" else cache
    first = make_pipeline(photos, 16, 6, training=True, seed=1, augmentation=ALL)
    again = make_pipeline(photos, 16, 6, training=True, seed=1, augmentation=ALL, cache=cache)
    other = make_pipeline(photos, 16, 6, training=True, seed=2, augmentation=ALL)
    keras.utils.set_random_seed(11)
    epochs = [collect(first), collect(first), collect(other)]
    keras.utils.set_random_seed(12)  # neither matters
    assert_same(epochs[0], collect(again))
    assert_same(epochs[1], collect(again))
    assert different(epochs[0], epochs[1]) and different(epochs[0], epochs[2])


@pytest.mark.parametrize("training", [True, False])
def test_row_numbers_are_what_numpy_draws(training):
    """Written out batch by batch: published runs rest on this order."""
    batches = pipeline.row_batches(50, 8, training, seed=7, first_epoch=2)
    for epoch in (2, 3):
        generator = np.random.Generator(np.random.PCG64([7, epoch]))
        order = generator.permutation(50) if training else np.arange(50)
        expected = [(order[start:start + 8], generator.integers(2**32, size=2))
                    for start in range(0, 48 if training else 50, 8)]
        assert_same(collect(batches), expected)
    assert len(batches) == (6 if training else 7)
    assert batches.element_spec == (tf.TensorSpec([8 if training else None], tf.int64), tf.TensorSpec([2], tf.int64))


def test_an_epoch_is_counted_when_its_first_batch_is_taken():
    """Keras makes iterators that it never asks for a batch."""
    batches = pipeline.row_batches(30, 10, True, seed=1)
    expected = [collect(batches)[0] for _ in range(2)]
    batches = pipeline.row_batches(30, 10, True, seed=1)
    unused, *started = (iter(batches) for _ in range(3))
    for iterator, (order, number) in zip(started, expected, strict=True):
        for ours, theirs in zip(next(iterator), (order, number), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert next(unused)[0].shape == (10,)
    assert collect(pipeline.row_batches(0, 8, False, seed=1)) == []


def test_batches_of_an_epoch_are_changed_differently(photos):
    """The seed of a batch is its own: one picture in two batches would not look alike."""
    numbers = [tuple(number) for epoch in range(3) for number in pipeline._row_numbers(64, 8, True, 0, epoch)[1]]
    assert len(set(numbers)) == 24


# Cache


def test_pictures_are_decoded_once(photos, counted):
    batches = make_pipeline(photos, 16, 4, training=True, augmentation=ALL)
    assert sorted(counted) == sorted(photos.table["image"])
    collect(batches), collect(batches)
    assert len(counted) == COUNT


def test_without_cache_every_epoch_decodes(photos, counted):
    batches = make_pipeline(photos, 16, 4, training=False, cache=None)
    before = len(counted)
    collect(batches), collect(batches)
    assert len(counted) == before + 2 * COUNT


def test_a_folder_keeps_pictures_for_the_next_session(photos, tmp_path, counted):
    folder = tmp_path / "cache"
    first = collect(make_pipeline(photos, 16, 4, training=False, with_masks=True, cache=folder))
    assert len(counted) == 2 * COUNT
    again = collect(make_pipeline(photos, 16, 4, training=False, with_masks=True, cache=folder))
    assert len(counted) == 2 * COUNT
    assert_same(first, again)
    memory = collect(make_pipeline(photos, 16, 4, training=False, with_masks=True))
    assert_same(first, memory)
    assert len(list(folder.iterdir())) == 1


def test_the_folder_is_keyed_by_everything_that_matters(photos, tmp_path, counted):
    folder = tmp_path / "cache"

    def make(dataset=photos, size=16, **settings):
        before = len(counted)
        load_images(dataset, size, cache=folder, **settings)
        return len(counted) > before

    assert make()
    assert not make()
    assert make(size=(16, 17))
    assert make(crop_to_box=True)
    assert make(apply_mask="zero")
    assert make(apply_mask="mean")
    assert make(with_masks=True)
    assert make(photos.where(np.arange(10)))
    assert make(photos.where(np.arange(COUNT)[::-1]))
    moved = photos.table.copy()
    moved["box"] = [(0, 0, 9, 9)] * COUNT
    assert not make(Dataset("photos", moved, CLASSES))  # a box that is not used does not matter
    assert make(Dataset("photos", moved, CLASSES), crop_to_box=True)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(photos.table["image"][3])
    assert make()
    assert load_images(photos, 16, cache=folder)[0][3].max() == 0
    assert make(with_masks=True)  # a changed photo under masks
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(photos.table["mask"][3])
    assert make(with_masks=True) and not make()


def test_a_failure_leaves_nothing_in_the_folder(photos, tmp_path):
    folder = tmp_path / "cache"
    open(photos.table["image"][13], "w").close()
    with pytest.raises(DataError, match=r"13\.png: empty"):
        make_pipeline(photos, 16, 4, training=True, cache=folder)
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_nothing_in_the_folder(photos, tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", no_space)
    with pytest.raises(DataError, match="cache cannot be written .No space left on device"):
        load_images(photos, 16, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_made(photos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="the cache cannot be read .Not a directory.. Pass another folder"):
        load_images(photos, 16, cache=tmp_path / "file" / "cache")


@pytest.mark.parametrize("damage", [
    lambda file: os.truncate(file, file.stat().st_size - 1),
    lambda file: os.truncate(file, 0),
    lambda file: os.truncate(file, 40),
    lambda file: file.write_bytes(b"no array at all" * 100),
    lambda file: file.unlink(),
    lambda file: np.save(file, np.zeros((3, 16, 16, 3), np.uint8)),
    lambda file: np.save(file, np.zeros((COUNT, 16, 16, 3), np.float32)),
])
def test_a_cache_that_was_cut_off_on_the_disk_is_made_again(photos, tmp_path, capsys, damage):
    folder = tmp_path / "cache"
    whole = [np.array(part) for part in load_images(photos, 16, with_masks=True, cache=folder)]
    for name in ("images", "masks"):
        damage(next(folder.glob(f"*/{name}.npy")))
        again = load_images(photos, 16, with_masks=True, cache=folder)
        assert_same([whole], [again])
        made, = folder.iterdir()
        assert f"{made}: this cache is damaged or cut off; it is made again" in capsys.readouterr().out
    assert len(list(folder.iterdir())) == 1


def test_what_a_killed_process_left_is_cleared_and_all_may_read_a_cache(photos, tmp_path):
    folder = tmp_path / "cache"
    before = os.umask(0o022)
    try:
        load_images(photos, 16, cache=folder)
        made, = folder.iterdir()
        assert [stat.S_IMODE(path.stat().st_mode) for path in (made, made / "images.npy")] == [0o755, 0o644]
    finally:
        os.umask(before)
    shutil.rmtree(made)
    (folder / f".{made.name}-abc_1234" / "new").mkdir(parents=True)
    (folder / f".{made.name}.lock").write_text("process 1 on another")
    load_images(photos, 16, cache=folder)
    assert list(folder.iterdir()) == [made]


def test_two_processes_may_write_at_once(photos, tmp_path, monkeypatch):
    """The slower one takes what the faster one left."""
    write = pipeline._write_cache

    def overtaken(dataset, size, settings, folder):
        write(dataset, size, settings, folder)  # the other process
        return write(dataset, size, settings, folder)

    monkeypatch.setattr(pipeline, "_write_cache", overtaken)
    pictures, _ = load_images(photos, 16, cache=tmp_path / "cache")
    np.testing.assert_array_equal(pictures, load_images(photos, 16)[0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_too_little_memory(photos, monkeypatch):
    monkeypatch.setattr(pipeline, "_memory", lambda: 1000)
    with pytest.raises(DataError, match="20 pictures of 16 x 16 pixels.*cache=FOLDER"):
        make_pipeline(photos, 16, 4, training=True)


# Bad input


def test_bad_pictures_are_named_at_once(photos):
    for number in (3, 7):
        open(photos.table["image"][number], "w").close()
    with pytest.raises(DataError, match=r"2 of 20 pictures cannot be read:\n.*3\.png: empty"):
        make_pipeline(photos, 16, 4, training=True)


def test_without_cache_a_bad_picture_is_named_when_met(photos):
    batches = make_pipeline(photos, 16, 4, training=False, cache=None)
    open(photos.table["image"][7], "w").close()
    with pytest.raises(tf.errors.OpError, match=r"7\.png: empty"):
        collect(batches)


def test_mask_of_another_size(photos):
    Image.fromarray(np.zeros((40, 61), np.uint8)).save(photos.table["mask"][2])
    for settings in ({"apply_mask": "zero"}, {"with_masks": True}):
        with pytest.raises(DataError, match=r"2-mask\.png: a mask of 40 x 61.*2\.png of 40 x 60"):
            make_pipeline(photos, 16, 4, training=True, **settings)


@pytest.mark.parametrize("column, settings", [("box", {"crop_to_box": True}),
                                              ("mask", {"apply_mask": "zero"}),
                                              ("mask", {"with_masks": True})])
@pytest.mark.parametrize("cache", ["memory", None, "folder"])
def test_absent_column_or_value(photos, tmp_path, column, settings, cache):
    cache = tmp_path / "cache" if cache == "folder" else cache
    (name,) = settings
    table = photos.table.drop(columns=column)
    with pytest.raises(DataError, match=f"{name} needs the column '{column}'"):
        make_pipeline(Dataset("x", table, CLASSES), 16, 4, training=True, cache=cache, **settings)
    table = photos.table.copy()
    table[column] = [*table[column][:5], None, *table[column][6:]]
    with pytest.raises(DataError, match=rf"row 5 \(.*5\.png\) has no '{column}', which {name}"):
        make_pipeline(Dataset("x", table, CLASSES), 16, 4, training=True, cache=cache, **settings)


def test_rows_without_a_label(photos):
    table = photos.table.copy()
    table["label"] = pd.Categorical.from_codes([0, 1, -1, *[0] * 17], categories=CLASSES)
    dataset = Dataset("photos", table, CLASSES)
    with pytest.raises(DataError, match=r"row 2 \(.*2\.png\) has no label"):
        make_pipeline(dataset, 16, 4, training=True)
    make_pipeline(dataset, 16, 4, training=True, with_masks=True)


def test_fewer_rows_than_a_training_batch(photos):
    with pytest.raises(DataError, match="20 rows do not fill one training batch of 21"):
        make_pipeline(photos, 16, 21, training=True)
    assert len(make_pipeline(photos, 16, 21, training=False)) == 1


def test_empty_dataset(photos):
    with pytest.raises(DataError, match="the table is empty"):
        make_pipeline(photos.where([]), 16, 4, training=False)


@pytest.mark.parametrize("size", [0, -4, (16,), (16, 16, 3), 16.5, (16, 0)])
def test_bad_image_size(photos, size):
    with pytest.raises(ValueError, match="image_size="):
        make_pipeline(photos, size, 4, training=True)


# Grey pictures of IDX files


@pytest.fixture
def packed(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
    write_idx(tmp_path / "a.gz", array)
    table = pd.DataFrame({
        "image": [f"{tmp_path / 'a.gz'}#{index}" for index in range(12)],
        "label": pd.Categorical.from_codes([0, 1, 2] * 4, categories=CLASSES),
        "split": "train", "group": [str(index) for index in range(12)]})
    return Dataset("packed", table, CLASSES), array


@pytest.mark.parametrize("cache", ["memory", None, "folder"])
def test_grey_pictures_have_one_channel(packed, tmp_path, cache):
    dataset, array = packed
    cache = tmp_path / "cache" if cache == "folder" else cache
    batches = make_pipeline(dataset, 28, 5, training=False, cache=cache)
    pictures = np.concatenate([pictures for pictures, _ in collect(batches)])
    np.testing.assert_array_equal(pictures, array[..., None])
    (changed, _), = make_pipeline(dataset, 28, 12, training=True, augmentation=ALL, cache=cache)
    assert changed.shape == (12, 28, 28, 1)


def test_grey_and_colour_in_one_table(packed, photos):
    dataset, _ = packed
    table = pd.concat([photos.table, dataset.table], ignore_index=True)
    table["label"] = pd.Categorical(table["label"], categories=CLASSES)
    with pytest.raises(DataError, match=r"a\.gz#0: a grey picture"):
        make_pipeline(Dataset("mixed", table, CLASSES), 28, 4, training=True)


# With a model


def test_a_model_learns_from_the_batches_as_they_are(photos):
    keras.utils.set_random_seed(0)
    train = make_pipeline(photos, 16, 5, training=True, augmentation=MOVES)
    test = make_pipeline(photos, 16, 8, training=False)
    model = keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                              keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    history = model.fit(train, validation_data=test, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    probabilities = model.predict(test, verbose=0)
    assert probabilities.shape == (COUNT, 3)
    accuracy = np.mean(probabilities.argmax(axis=1) == photos.labels)
    assert accuracy == pytest.approx(history.history["val_accuracy"][-1])


# Arrays that are in memory already


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("with_masks", [True, False])
def test_batches_of_arrays_are_those_of_their_dataset(photos, training, with_masks):
    settings = {"training": training, "seed": 4, "augmentation": ALL, "jit_compile": False}
    stored, masks = load_images(photos, (24, 32), with_masks=with_masks)
    ours = batches_of(stored, masks if with_masks else photos.labels, 8, **settings)
    theirs = make_pipeline(photos, (24, 32), 8, with_masks=with_masks, **settings)
    assert ours.element_spec == theirs.element_spec and len(ours) == len(theirs)
    assert_same(collect(ours), collect(theirs))
    assert_same(collect(ours), collect(theirs))


@pytest.mark.parametrize("cache", ["memory", None])
def test_a_later_first_epoch_is_that_epoch(photos, cache):
    settings = {"training": True, "seed": 4, "augmentation": MOVES, "cache": cache, "jit_compile": False}
    whole = make_pipeline(photos, 16, 8, **settings)
    epochs = [collect(whole) for _ in range(4)]
    assert different(epochs[2], epochs[3])
    later = make_pipeline(photos, 16, 8, first_epoch=2, **settings)
    assert_same(collect(later), epochs[2])
    assert_same(collect(later), epochs[3])


def test_batches_of_grey_pictures_lists_and_other_label_types():
    array = np.random.default_rng(0).integers(0, 256, (6, 9, 7), np.uint8)
    for labels in ([0, 1, 2, 3, 4, 5], np.arange(6, dtype=np.uint8), np.arange(6, dtype=np.int32)):
        ((pictures, found),) = collect(batches_of(array, labels, 6, training=False))
        np.testing.assert_array_equal(pictures, array[..., None])
        assert found.dtype == np.int64 and found.tolist() == list(range(6))


def test_batches_of_a_memory_map(photos, tmp_path):
    stored, masks = load_images(photos, 16, cache=tmp_path / "cache", with_masks=True)
    assert isinstance(stored, np.memmap)
    pictures, found = (np.concatenate(parts) for parts in zip(
        *collect(batches_of(stored, masks, 8, training=False))))
    np.testing.assert_array_equal(pictures, stored)
    np.testing.assert_array_equal(found, masks)


@pytest.mark.parametrize("change, message", [
    ({"targets": np.zeros(5, int)}, "6 pictures and 5 labels or masks"),
    ({"batch_size": 7}, "6 pictures do not fill one training batch of 7"),
    ({"images": np.zeros((6, 8, 8, 3), "float32")}, "type float32: give uint8 in 0..255 and leave scaling"),
    ({"targets": np.zeros((6, 3), int)}, "Labels must be class numbers, one per picture"),
    ({"targets": np.full(6, 0.5)}, "Labels must be class numbers"),
    ({"targets": np.array([0, 1, -1, 0, 1, 2])}, "Labels must be .*not negative"),
    ({"targets": np.zeros((6, 8, 9), np.uint8)}, r"Masks .*\(6, 8, 9\).* need uint8 and \(6, 8, 8\)"),
    ({"targets": np.zeros((6, 8, 8), int)}, "Masks of type int64"),
])
def test_bad_arrays(change, message):
    given = {"images": np.zeros((6, 8, 8, 3), np.uint8), "targets": np.zeros(6, int), "batch_size": 3}
    batches_of(**given, training=True)
    with pytest.raises(DataError, match=message):
        batches_of(**given | change, training=True)
