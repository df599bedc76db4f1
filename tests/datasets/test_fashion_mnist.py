import gzip
import struct

import numpy as np
import pytest

from fashion_tf import datasets
from fashion_tf.datasets import fashion_mnist, find_folder, load, sample_folder
from fashion_tf.datasets.fashion_mnist import CLASSES, PAIRS, read
from fashion_tf.datasets.idx import read_idx, write_idx
from fashion_tf.errors import DataError

TRAIN_IMAGES, TRAIN_LABELS = PAIRS["train"]
TEST_IMAGES, TEST_LABELS = PAIRS["test"]


@pytest.fixture
def folder(tmp_path):
    """A small dataset in the official layout, made without the kit's writer."""
    generator = np.random.default_rng(0)
    for (images, labels), count in zip(PAIRS.values(), (30, 20)):
        pixels = generator.integers(0, 256, (count, 28, 28), np.uint8)
        with gzip.open(tmp_path / images, "wb") as file:
            file.write(struct.pack(">IIII", 2051, count, 28, 28) + pixels.tobytes())
        with gzip.open(tmp_path / labels, "wb") as file:
            file.write(struct.pack(">II", 2049, count) + bytes(n % 10 for n in range(count)))
    return tmp_path


def test_reads_the_official_layout(folder):
    dataset = read(folder)
    assert len(dataset) == 50
    assert dataset.classes == CLASSES
    assert dataset.table["split"].value_counts().to_dict() == {"train": 30, "test": 20}
    expected = gzip.open(folder / TEST_IMAGES).read()[16:]
    assert dataset.split("test").images().tobytes() == expected
    assert dataset.split("test").labels.tolist() == [n % 10 for n in range(20)]
    assert "not the official" in dataset.notes[0]


def test_rows_keep_their_pixels_in_any_order(folder):
    dataset = read(folder)
    order = np.random.default_rng(1).permutation(50)
    assert (dataset.where(order).images() == dataset.images()[order]).all()


def test_unpacked_files_are_read_too(folder):
    for name in (TRAIN_IMAGES, TEST_LABELS):
        (folder / name.removesuffix(".gz")).write_bytes(gzip.open(folder / name).read())
        (folder / name).unlink()
    assert len(read(folder)) == 50


def packed(content):
    return gzip.compress(content)


@pytest.mark.parametrize(("name", "change", "message"), [
    (TRAIN_IMAGES, lambda b: packed(gzip.decompress(b)[:-1]), "cut off: its header promises"),
    (TRAIN_IMAGES, lambda b: packed(gzip.decompress(b) + b"x"), "longer than it says"),
    (TRAIN_IMAGES, lambda b: b[:-20], "gzip data is cut off or damaged"),
    (TRAIN_IMAGES, lambda b: b[:40] + b"\0\0\0\0" + b[44:], "cut off or damaged|header|IDX"),
    (TRAIN_IMAGES, lambda b: packed(gzip.decompress(b)[:6]), "cut off inside its header"),
    (TRAIN_IMAGES, lambda b: b"", "not an IDX file"),
    (TRAIN_IMAGES, lambda b: b"<html>404</html>", "not an IDX file"),
    (TEST_LABELS, lambda b: packed(b"\0\0\x0d\x01" + bytes(8)), "type 0x0d"),
    (TEST_LABELS, lambda b: packed(struct.pack(">II", 2049, 20) + bytes([200] * 20)),
     "label 200 at position 0"),
    (TEST_LABELS, lambda b: packed(struct.pack(">II", 2049, 19) + bytes(19)),
     "19 labels for the 20 pictures"),
    (TRAIN_IMAGES, lambda b: packed(struct.pack(">IIII", 2051, 2**31, 2**31, 28)), "refused"),
    (TRAIN_IMAGES, lambda b: packed(struct.pack(">IIII", 2051, 30, 32, 32) + bytes(30 * 1024)),
     "28 x 28"),
])
def test_a_damaged_file_is_named(folder, name, change, message):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message) as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_an_absent_file_is_named(folder):
    (folder / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"{TEST_LABELS}: no such file"):
        read(folder)


def test_pictures_and_labels_swapped(folder):
    contents = [(folder / name).read_bytes() for name in (TRAIN_IMAGES, TRAIN_LABELS)]
    for name, content in zip((TRAIN_LABELS, TRAIN_IMAGES), contents):
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match="holds labels where pictures belong"):
        read(folder)


def test_train_and_test_swapped(tmp_path):
    for (images, labels), count in zip(PAIRS.values(), (10_000, 60_000)):
        write_idx(tmp_path / images, np.zeros((count, 28, 28), np.uint8))
        write_idx(tmp_path / labels, np.zeros(count, np.uint8))
    with pytest.raises(DataError, match="the files were swapped"):
        read(tmp_path)


def test_written_idx_is_what_numpy_reads(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "a.gz", array)
    raw = gzip.open(tmp_path / "a.gz").read()
    assert raw[:4] == bytes([0, 0, 8, 3])
    assert (np.frombuffer(raw[16:], np.uint8).reshape(2, 3, 4) == array).all()
    assert (read_idx(tmp_path / "a.gz", 3) == array).all()
    with pytest.raises(DataError, match="hold uint8, not float64"):
        write_idx(tmp_path / "b.gz", array * 1.0)


def test_the_sample_is_balanced_and_the_same_bytes_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "SAMPLE_COUNTS", {"train": 200, "test": 50})  # a tenth tells as much
    first, second, other = (tmp_path / name for name in "abc")
    for place, seed in ((first, 0), (second, 0), (other, 1)):
        place.mkdir()
        fashion_mnist.write_sample(place, seed)
    names = [name for pair in PAIRS.values() for name in pair]
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)
    assert (first / TRAIN_IMAGES).read_bytes() != (other / TRAIN_IMAGES).read_bytes()
    counts = read(first).counts()
    assert (counts["train"] == 20).all() and (counts["test"] == 5).all()


@pytest.mark.slow
def test_the_sample_is_hard_enough_to_teach():
    """Pixels beat brightness, and a linear model does not solve it."""
    from sklearn.linear_model import LogisticRegression

    dataset = load("fashion-mnist")
    train, test = dataset.split("train").sample(100, seed=0), dataset.split("test")
    pixels = [one.images().reshape(len(one), -1) / 255 for one in (train, test)]
    brightness = [values.mean(1, keepdims=True) for values in pixels]
    scores = [LogisticRegression(max_iter=300).fit(x[0], train.labels).score(x[1], test.labels)
              for x in (pixels, brightness)]
    assert 0.6 < scores[0] < 0.93
    assert scores[1] < 0.35


def test_the_sample_is_drawn_once_and_an_interruption_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHION_TF_CACHE", str(tmp_path))
    monkeypatch.setattr(fashion_mnist, "SAMPLE_COUNTS", {"train": 20, "test": 10})

    def interrupted(folder, seed):
        (folder / TRAIN_IMAGES).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fashion_mnist, "write_sample", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sample_folder("fashion-mnist")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    folder = sample_folder("fashion-mnist")
    monkeypatch.setattr(fashion_mnist, "write_sample", interrupted)
    assert sample_folder("fashion-mnist") == folder


def test_finding_the_folder(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("FASHION_TF_DATA", raising=False)
    assert find_folder("fashion-mnist", folder) == folder
    parent = tmp_path / "many"
    (parent / "fashion-mnist").mkdir(parents=True)
    assert find_folder("fashion-mnist", parent) == parent / "fashion-mnist"
    with pytest.raises(DataError, match="no such folder"):
        find_folder("fashion-mnist", tmp_path / "absent")
    with pytest.raises(DataError, match="FASHION_TF_DATA"):
        find_folder("fashion-mnist")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither holds a folder"):
        find_folder("fashion-mnist", tmp_path / "empty")
    with pytest.raises(DataError, match="no dataset 'fashion-mist'"):
        datasets.load("fashion-mist")


@pytest.mark.real_data
def test_the_real_files(real_data):
    dataset = read(real_data("fashion-mnist"))
    assert (dataset.counts()["train"] == 6000).all()
    assert (dataset.counts()["test"] == 1000).all()
    assert dataset.notes == ()
    assert dataset.table["label"].iloc[0] == "Ankle boot"  # the well-known first picture
    assert dataset.majority()[1] == pytest.approx(0.1)
