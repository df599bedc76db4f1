import numpy as np
import pytest

from fashion_tf.datasets import ccp, cfpd, fashionista
from fashion_tf.datasets.images import read_mask
from fashion_tf.datasets.parsing import parsing_dataset
from fashion_tf.errors import DataError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fashionista, "SAMPLE_COUNT", 30)
        patch.setattr(cfpd, "SAMPLE_COUNT", 30)
        patch.setattr(ccp, "SAMPLE_COUNTS", {"pixel-level": 20, "image-level": 2})
        for dataset in (fashionista, cfpd, ccp):
            (folder / dataset.NAME).mkdir()
            dataset.write_sample(folder / dataset.NAME)
    return folder


@pytest.mark.parametrize(("name", "labels", "counts"), [
    ("fashionista", fashionista.CLASSES, {"train": 18, "validation": 2, "test": 10}),
    ("cfpd", cfpd.CLASSES, {"train": 23, "validation": 1, "test": 6}),
    ("clothing-co-parsing", fashionista.CLASSES, {"train": 16, "validation": 2, "test": 2}),
])
def test_every_photo_has_a_mask_and_one_split(data, name, labels, counts):
    dataset = parsing_dataset(name, data)
    assert dataset.classes == labels
    assert dataset.table["split"].value_counts().to_dict() == counts
    assert dataset.table["image"].is_unique
    for path in dataset.table["mask"][:3]:
        mask = read_mask(path)
        assert mask.max() < len(labels) and 0.4 < np.mean(mask == 0) < 0.95  # 0 is the background


def test_the_seed_draws_the_split_that_is_not_official(data):
    def test_photos(name, seed):
        return set(parsing_dataset(name, data, seed).split("test").table["image"])

    assert test_photos("clothing-co-parsing", 1) == test_photos("clothing-co-parsing", 1)
    assert test_photos("clothing-co-parsing", 1) != test_photos("clothing-co-parsing", 2)
    assert test_photos("fashionista", 1) == test_photos("fashionista", 2)


def test_a_dataset_without_masks_is_refused(data):
    with pytest.raises(DataError, match="'fashion-mnist' has no masks for parsing; choose fashionista, cfpd or"):
        parsing_dataset("fashion-mnist", data)
