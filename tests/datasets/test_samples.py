"""Every dataset's sample: the official layout, read by the reader that meets the real files."""

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from fashion_tf.datasets import (
    READERS,
    deepfashion,
    deepfashion2,
    imaterialist,
    load,
    reader,
    sample_count,
    sample_folder,
    write_sample,
)
from fashion_tf.datasets.categories import ten_categories
from fashion_tf.datasets.images import read_image, read_mask
from fashion_tf.datasets.parsing import parsing_dataset
from fashion_tf.errors import DataError

# The classes that each sample shows (all of them, where it is not said).
SHOWN = {"deepfashion": 37, "imaterialist": 24, "fashion-product-images": 3}
PARSING = ("clothing-co-parsing", "fashionista", "cfpd")


def digest(folder):
    """A digest of every file's name and bytes."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_the_same_seed_gives_the_same_bytes(name, tmp_path, monkeypatch):
    for size in ("SAMPLE_COUNTS", "SAMPLE_COUNT", "SAMPLE_ITEMS", "SAMPLE_PAIRS"):  # a tenth tells as much
        whole = getattr(reader(name), size, 0)
        tenth = {split: max(1, count // 10) for split, count in whole.items()} if type(whole) is dict else whole // 10
        monkeypatch.setattr(reader(name), size, tenth, raising=False)
    one, same, other = (digest(write_sample(name, tmp_path / place, seed=seed))
                        for place, seed in (("one", 3), ("same", 3), ("other", 4)))
    assert one == same != other


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in READERS if name not in PARSING])
def test_the_sample_shows_its_classes(name):
    dataset = load(name, "sample")
    assert dataset.name == name == reader(name).NAME
    shown = dataset.table["label"].nunique()
    assert shown >= min(SHOWN.get(name, len(dataset.classes)), len(dataset.classes)) * 0.9, shown
    assert dataset.table["image"].is_unique or name == "deepfashion2"


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSING)
def test_masks_lie_on_their_photos(name):
    dataset = load(name, "sample")
    rows = dataset.table[dataset.table["mask"].notna()].iloc[::17]
    seen = set()
    for image, mask in zip(rows["image"], rows["mask"]):
        labels = read_mask(mask)
        assert labels.shape == read_image(image).shape[:2]
        assert labels.max() < len(dataset.classes)
        assert 0.3 < np.mean(labels == 0) < 0.95  # a person before a background
        seen |= set(np.unique(labels))
    assert len(seen) > 8


@pytest.mark.slow
def test_boxes_and_masks_of_deepfashion2_agree():
    dataset = load("deepfashion2", "sample")
    for row in dataset.table.iloc[::23].itertuples():
        mask = read_mask(row.mask)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert row.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert mask.shape == read_image(row.image).shape[:2]
    photos = dataset.table.groupby("group")["image"].nunique()
    assert {1, 2} <= set(photos)  # some garments stand in two photos
    classes = dataset.table.groupby("split")["label"].nunique()
    assert (classes == 13).all()


@pytest.mark.slow
def test_boxes_of_deepfashion_lie_in_their_photos():
    dataset = load("deepfashion", "sample")
    for row in dataset.table.iloc[::41].itertuples():
        height, width = read_image(row.image).shape[:2]
        x1, y1, x2, y2 = row.box
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height


@pytest.mark.slow
def test_attributes_of_deepfashion_say_the_pattern():
    dataset = load("deepfashion", "sample")
    attributes = deepfashion.read_attributes(sample_folder("deepfashion"), dataset)
    assert len(attributes) == len(dataset)
    assert ((attributes == 1).sum(axis=1) == 1).all()
    assert 0.2 < (attributes["plain"] == 1).mean() < 0.8


@pytest.mark.slow
def test_the_ten_categories_come_out_of_both_datasets():
    from_deepfashion = deepfashion.ten_categories(load("deepfashion", "sample"), per_class=40)
    assert from_deepfashion.classes == deepfashion.CATEGORIES
    counts = from_deepfashion.table["label"].value_counts()
    assert (counts == 40).all()
    shares = from_deepfashion.table["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.02)
    dataset = load("imaterialist", "sample")
    label_map = imaterialist.read_label_map(sample_folder("imaterialist"))
    ten = imaterialist.ten_categories(dataset, label_map, per_class=20)
    assert ten.table["label"].nunique() == 10


@pytest.mark.slow
def test_a_part_of_the_sample_shows_every_class_and_split():
    for name in ("deepfashion", "imaterialist", "clothing-dataset-small"):
        counts = ten_categories(name, "sample:70").counts()
        assert len(counts) == 10 and counts.to_numpy().min() >= 1, name
        assert counts.to_numpy().sum() == pytest.approx(70, abs=2), name
    for name in ("fashionista", "cfpd", "clothing-co-parsing"):
        splits = parsing_dataset(name, "sample:12").table["split"].value_counts()
        assert 10 <= splits.sum() <= 13 and len(splits) == 3, name  # of CCP, some have no mask
        assert splits["train"] > splits["test"] >= splits["validation"] >= 1, name


def test_how_much_of_the_sample_is_meant():
    assert [sample_count(data) for data in ("sample", "sample:40", "some/sample:4", None)] == [math.inf, 40, 0, 0]
    for wrong in ("sample:", "sample:0", "sample:-3", "sample:few", "sample:²"):
        with pytest.raises(DataError, match="after 'sample:' stands how many"):
            sample_count(wrong)


@pytest.mark.slow
def test_deepfashion2_is_balanced_for_its_paper():
    balanced = deepfashion2.balanced(load("deepfashion2", "sample"), per_class=15)
    assert (balanced.table["label"].value_counts() == 15).all()


@pytest.mark.slow
def test_a_process_that_got_only_the_table_reads_the_masks():
    """As a worker on a cluster does."""
    import subprocess
    import sys

    references = [str(load(name, "sample").table["mask"].iloc[0])
                  for name in ("cfpd", "clothing-co-parsing", "deepfashion2", "fashionista")]
    code = ("import sys; from fashion_tf.datasets.images import read_mask; "
            "print(*[read_mask(reference).shape for reference in sys.argv[1:]])")
    answer = subprocess.run([sys.executable, "-c", code, *references], capture_output=True,
                            text=True, check=True)
    assert answer.stdout.count("(") == 4


def test_a_sample_is_drawn_by_one_process_while_others_wait(tmp_path):
    code = ("import time; from fashion_tf.datasets import sample_folder, fashion_mnist as m; w = m.write_sample\n"
            "def counted(*a, **b): print('drawn'); time.sleep(1); return w(*a, **b)\n"
            "m.SAMPLE_COUNTS = {'train': 20, 'test': 10}; m.write_sample = counted; sample_folder('fashion-mnist')")
    environment = os.environ | {"FASHION_TF_CACHE": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(2)]
    said = "".join(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0] and said.splitlines().count("drawn") == 1
    place, = tmp_path.iterdir()
    assert [path.name for path in place.iterdir()] == ["fashion-mnist"]


def test_a_sample_that_cannot_be_drawn_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file/cfpd: the sample cannot be drawn there .File exists"):
        write_sample("cfpd", tmp_path / "file")
