"""Datasets with a label for every pixel, split alike: what the parsing paper's lessons read."""

from fashion_tf.datasets import ccp, cfpd, fashionista, load
from fashion_tf.datasets.subsets import split_at_random
from fashion_tf.errors import DataError

CCP_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def parsing_dataset(name, data="sample", seed=0):
    """Photos with masks, split into training, validation and test.

    Args:
        name: ``"fashionista"``: 25 labels, the official test photos, a tenth of the others for
            validation. ``"cfpd"``: 23 labels and the parsing paper's split. ``"clothing-co-parsing"``: its
            59 labels mapped to Fashionista's 25 (`fashion_tf.datasets.fashionista.TO_REFINED`), split
            0.8/0.1/0.1 at random, for it has no split of its own.
        data: As `fashion_tf.datasets.load` takes it.
        seed: Which photos go to which split, where that is not official.

    Returns:
        A `Dataset` with the column ``mask``; label 0 is the background.

    Raises:
        DataError: Another name, or what the reader raises.

    Taught in: 51_clothing_parsing.ipynb
    """
    if name == fashionista.NAME:
        return load(name, data)
    if name == cfpd.NAME:
        return cfpd.paper_split(load(name, data), seed)
    if name == ccp.NAME:
        dataset = ccp.to_fashionista(ccp.with_masks(load(name, data)))
        return split_at_random(dataset, seed, shares=CCP_SHARES)
    raise DataError(f"{name!r} has no masks for parsing; choose {fashionista.NAME}, {cfpd.NAME} or "
                    f"{ccp.NAME}.")
