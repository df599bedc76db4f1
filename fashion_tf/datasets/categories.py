"""Ten classes of clothing from several datasets, split alike: what the categories paper's lessons read."""

import math
from dataclasses import replace

from fashion_tf.datasets import (
    clothing_small,
    deepfashion,
    find_folder,
    imaterialist,
    load,
    products,
    sample_count,
)
from fashion_tf.datasets.subsets import balance, relabel, split_at_random
from fashion_tf.errors import DataError

# Catalogue article to the class of clothing-dataset-small that it would be. Left out: what has no
# such class (kurtas, innerwear, bags) and what falls between two (tops, tunics, capris).
PRODUCT_CLASS = {
    "Tshirts": "t-shirt", "Shirts": "shirt", "Sweatshirts": "longsleeve", "Sweaters": "longsleeve",
    "Jackets": "outwear", "Blazers": "outwear", "Rain Jacket": "outwear", "Nehru Jackets": "outwear",
    "Trousers": "pants", "Jeans": "pants", "Track Pants": "pants", "Shorts": "shorts",
    "Skirts": "skirt", "Dresses": "dress", "Caps": "hat", "Hat": "hat", "Casual Shoes": "shoes",
    "Sports Shoes": "shoes", "Formal Shoes": "shoes",
}


def ten_categories(name, data="sample", per_class=5_000, seed=0):
    """Ten classes of a dataset, split into training, validation and test.

    Args:
        name: ``"deepfashion"`` or ``"imaterialist"``: the paper's ten classes, balanced, split
            0.7/0.15/0.15. ``"clothing-dataset-small"``: its own ten classes and its own splits;
            where its test split is absent, its validation split is the test split and a seventh of
            the training photos is held out. ``"fashion-product-images"``: catalogue pictures under
            the classes of clothing-dataset-small, split 0.7/0.15/0.15.
        data: As `fashion_tf.datasets.load` takes it. ``"sample:N"`` is N photos of the ten classes in equal
            parts, drawn after the classes are known.
        per_class: At most so many photos a class (not for clothing-dataset-small); the paper takes
            5,000.
        seed: Which photos are drawn, and which split they go to.

    Returns:
        A `Dataset`; its notes say what was decided.

    Raises:
        DataError: Another name, or what the reader raises.

    Taught in: 21_three_architectures.ipynb
    """
    drawn = sample_count(data)
    if 0 < drawn < math.inf and name != clothing_small.NAME:  # its classes are the ten
        data, per_class = "sample", min(per_class, max(1, drawn // 10))
    if name == deepfashion.NAME:
        return deepfashion.ten_categories(load(name, data), per_class, seed)
    if name == imaterialist.NAME:
        label_map = imaterialist.read_label_map(find_folder(name, data))
        return imaterialist.ten_categories(load(name, data), label_map, per_class, seed)
    if name == products.NAME:
        articles = load(name, data)
        labels = articles.table["articleType"].map(PRODUCT_CLASS)
        chosen = relabel(articles, labels.where(labels.notna(), None), clothing_small.CLASSES)
        return split_at_random(balance(chosen, per_class, seed), seed)
    if name != clothing_small.NAME:
        raise DataError(f"No ten classes are defined for {name!r}; choose "
                        f"{deepfashion.NAME}, {imaterialist.NAME}, {clothing_small.NAME} or "
                        f"{products.NAME}.")
    dataset = load(name, data)
    if (dataset.table["split"] == "test").any():
        return dataset
    split = dataset.table["split"].replace({"validation": "test"})
    dataset = replace(dataset, table=dataset.table.assign(split=split), notes=dataset.notes + (
        "No test split: the validation split is the test split here, and a seventh of the training "
        "photos is held out for validation.",))
    return dataset.hold_out(1 / 7, seed)
