"""Ten classes from several datasets, split alike."""

import os

import pytest

from fashion_tf.datasets import deepfashion
from fashion_tf.datasets.categories import PRODUCT_CLASS, ten_categories
from fashion_tf.datasets.clothing_small import CLASSES
from fashion_tf.errors import DataError

NAMES = ("deepfashion", "imaterialist", "clothing-dataset-small", "fashion-product-images")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_dataset_gives_three_splits_without_shared_photos(name):
    dataset = ten_categories(name, "sample", seed=3)
    parts = {split: set(dataset.split(split).table["image"]) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == len(dataset) == len(set.union(*parts.values()))
    assert len(dataset.classes) == 10 and (dataset.labels >= 0).all()
    assert len(parts["train"]) > 2 * len(parts["test"])


@pytest.mark.slow
def test_source_and_target_of_a_transfer_have_the_same_classes():
    assert ten_categories("imaterialist").classes == ten_categories("deepfashion").classes
    assert ten_categories("deepfashion").classes == deepfashion.CATEGORIES
    assert ten_categories("fashion-product-images").classes == CLASSES
    assert set(PRODUCT_CLASS.values()) == set(CLASSES)


@pytest.mark.slow
def test_the_seed_decides_who_goes_where():
    def training(seed):
        return set(ten_categories("deepfashion", seed=seed).split("train").table["image"])

    assert training(1) == training(1) != training(2)


def test_another_dataset_is_refused():
    with pytest.raises(DataError, match="No ten classes are defined for 'cfpd'; choose deepfashion"):
        ten_categories("cfpd")


@pytest.mark.real_data
def test_without_a_test_split_the_official_validation_photos_stay_closed():
    folder = os.environ.get("FASHION_TF_DATA")
    if not folder:
        pytest.skip("FASHION_TF_DATA is not set")
    dataset = ten_categories("clothing-dataset-small", folder, seed=1)
    assert len(dataset.split("test")) == 341
    assert all("/validation/" in path for path in dataset.split("test").table["image"])
    assert abs(len(dataset.split("validation")) - 1919 / 7) < 2
    assert any("the validation split is the test split" in note for note in dataset.notes)
