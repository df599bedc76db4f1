"""Garments by label, the deck's binary mask, and the person that a pretrained network finds."""

import os
from pathlib import Path

import numpy as np
import pytest

from fashion_tf.datasets import ccp, cfpd, deepfashion2, fashionista
from fashion_tf.errors import DataError
from fashion_tf.style.lite import LiteModel, find_lite_file
from fashion_tf.style.masks import (
    GARMENTS,
    PASCAL_VOC,
    AbsentGarment,
    PersonFinder,
    clothing_masks,
    garment_labels,
    garment_mask,
)

PARSERS = {"fashionista": fashionista.CLASSES, "ccp": ccp.CLASSES, "cfpd": cfpd.CLASSES,
           "deepfashion2": ("background", *deepfashion2.CLASSES)}
NO_GARMENT = {  # by hand: body, background, what is carried, jewellery, and what has no rule
    "fashionista": {"background", "skin", "hair", "bag", "glasses", "necklace", "watch/bracelet"},
    "cfpd": {"bk", "bag", "face", "hair", "skin", "sunglass"},
    "ccp": {"null", "accessories", "bag", "bracelet", "earrings", "glasses", "hair", "necklace", "purse", "ring",
            "skin", "sunglasses", "wallet", "watch"},
    "deepfashion2": {"background"},
}


@pytest.mark.parametrize("name", PARSERS)
def test_every_label_is_one_garment_or_none(name):
    classes, seen = PARSERS[name], []
    for garment in GARMENTS:
        try:
            seen += garment_labels(garment, classes)
        except DataError:
            continue
    assert len(seen) == len(set(seen))
    assert set(classes) - {classes[number] for number in seen} == NO_GARMENT[name]
    assert garment_labels("clothing", classes) == sorted(seen)


@pytest.mark.parametrize("garment, labels", [
    ("top", ["shirt/blouse", "sweater/cardigan", "top/t-shirt", "vest"]), ("Trousers", ["pants/jeans"]),
    (" jeans ", ["pants/jeans"]), ("pants/jeans", ["pants/jeans"]), ("jacket", ["coat", "jacket/blazer"]),
    ("coat", ["coat"]), ("hair", ["hair"]), ("shoes", ["boots", "shoes"]), ("boots", ["boots"])])
def test_a_garment_by_group_class_or_word(garment, labels):
    """A group comes first: "shoes" are boots as well, though a class has that name."""
    classes = fashionista.CLASSES
    assert [classes[number] for number in garment_labels(garment, classes)] == sorted(labels, key=classes.index)


def test_two_labels_are_enough_for_clothing():
    assert garment_labels("clothing", ("background", "clothing")) == [1]


def test_an_unknown_garment_names_what_there_is():
    with pytest.raises(DataError, match="choose top, trousers, clothing, skin, pants, blouse"):
        garment_labels("toga", ("background", "skin", "pants", "blouse"))
    with pytest.raises(DataError, match="'background'; choose skin"):
        garment_labels("background", ("background", "skin"))


def test_the_decks_binary_mask():
    classes = ("background", "skin", "pants/jeans", "top/t-shirt", "vest")
    labels = np.array([[0, 1, 2], [3, 4, 2]], np.uint8)
    mask = garment_mask(labels, classes, "top")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, [[0, 0, 0], [255, 255, 0]])
    np.testing.assert_array_equal(garment_mask(labels, classes, "clothing"), [[0, 0, 255], [255, 255, 255]])


def test_a_garment_that_is_not_in_the_photo():
    classes = ("background", "skin", "dress", "skirt")
    labels = np.array([[0, 1, 2], [1, 1, 255]], np.uint8)
    with pytest.raises(AbsentGarment, match="no skirt in this photo; found: skin, dress"):
        garment_mask(labels, classes, "skirt")
    with pytest.raises(AbsentGarment, match="found: nothing to wear"):
        garment_mask(np.zeros((2, 2), np.uint8), classes, "skirt")
    with pytest.raises(DataError, match="float"):
        garment_mask(np.zeros((2, 2)), classes, "skirt")


def test_clothing_masks():
    masks = np.array([[[0, 1, 2], [3, 4, 255]]], np.uint8)
    found = clothing_masks(masks, ("background", "hair", "dress", "bag", "shoes"))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[[0, 0, 1], [0, 1, 255]]])
    with pytest.raises(DataError, match="int64"):
        clothing_masks(np.zeros((2, 2), np.int64), ("background", "dress"))
    with pytest.raises(DataError, match="clothing"):
        clothing_masks(masks, ("background", "hair"))


def test_pascal_voc_knows_persons_and_nothing_to_wear():
    """The order is that of the benchmark: alphabetical behind the background, person 15th."""
    assert len(PASCAL_VOC) == 21 and PASCAL_VOC.index("person") == 15
    words = set().union(*GARMENTS.values())
    assert not words & set(PASCAL_VOC)


def test_a_missing_or_damaged_file(tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_TF_WEIGHTS", raising=False)
    with pytest.raises(DataError, match="FASHION_TF_WEIGHTS"):
        PersonFinder()
    monkeypatch.setenv("FASHION_TF_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError, match=r"deeplabv3\.tflite: no such file"):
        PersonFinder()
    damaged = tmp_path / "deeplabv3.tflite"
    for content in (b"", b"not a network", b"\x1c\0\0\0TFL3" + bytes(100)):
        damaged.write_bytes(content)
        with pytest.raises(DataError, match="TFLite"):
            PersonFinder()


@pytest.fixture(scope="module")
def doubling(tmp_path_factory):
    """A network that doubles: converted here."""
    import tensorflow as tf

    path = tmp_path_factory.mktemp("lite") / "doubling.tflite"
    function = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([1, 4, 4, 3])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    path.write_bytes(converter.convert())
    return path


def test_a_lite_model_is_a_function(doubling):
    model = LiteModel(doubling)
    assert model.input_shapes == model.output_shapes == ((1, 4, 4, 3),)
    values = np.random.default_rng(0).random((1, 4, 4, 3))
    found, = model(values)
    np.testing.assert_allclose(found, 2 * values, rtol=1e-6)
    model(np.zeros((1, 4, 4, 3)))
    np.testing.assert_allclose(found, 2 * values, rtol=1e-6)  # a copy
    with pytest.raises(DataError, match=r"\(2, 2\)"):
        model(np.zeros((2, 2)))


def test_another_network_is_no_person_finder(doubling):
    with pytest.raises(DataError, match="DeepLabV3"):
        PersonFinder(doubling)


def test_photos_of_another_kind():
    finder = PersonFinder.__new__(PersonFinder)
    finder.side = 257
    with pytest.raises(DataError, match="uint8"):
        finder(np.zeros((5, 5, 3)))


@pytest.mark.real_data
def test_the_person_of_real_photos(real_data):
    """Against the labels of street photos: everything but the background is the person and what it wears."""
    from fashion_tf.datasets.images import read_image, read_mask
    from fashion_tf.datasets.parsing import parsing_dataset

    folder = Path(real_data(ccp.NAME))
    if not os.environ.get("FASHION_TF_WEIGHTS") or not Path(os.environ["FASHION_TF_WEIGHTS"],
                                                            "deeplabv3.tflite").is_file():
        pytest.skip("no deeplabv3.tflite in FASHION_TF_WEIGHTS")
    import cv2

    finder, right, either = PersonFinder(find_lite_file("deeplabv3.tflite")), 0, 0
    table = parsing_dataset(ccp.NAME, folder.parent).split("test").table.head(8)
    for image, mask in zip(table["image"], table["mask"]):
        probabilities = finder(read_image(image))
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-4)
        person = probabilities.argmax(-1) == PASCAL_VOC.index("person")
        truth = cv2.resize(read_mask(mask), (257, 257), interpolation=cv2.INTER_NEAREST) > 0
        right, either = right + (person & truth).sum(), either + (person | truth).sum()
    assert right / either > 0.75
