"""The garments of a photo, from what a parser says of its pixels."""

from dataclasses import dataclass

import numpy as np

from fashion_tf.datasets.masks import box_of, without_specks

# Labels of the parsing datasets and of DeepFashion2, in lower case and without alternatives, that are garments by
# themselves: no shoes, bags, jewels, and nothing worn on head, hands or feet.
WORN = {*(f"{sleeve} sleeve {name}" for sleeve in ("short", "long") for name in ("top", "outwear", "dress")),
        "blazer", "blouse", "bodysuit", "bottoms", "cape", "cardigan", "coat", "dress", "hoodie", "jacket", "jeans",
        "jumper", "legging", "leggings", "outerwear", "pants", "romper", "shirt", "shorts", "skirt", "sling",
        "sling dress", "suit", "sweater", "sweatshirt", "swimwear", "t-shirt", "top", "trousers", "vest",
        "vest dress"}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One garment in a photo.

    Attributes:
        name: What the parser calls it.
        box: (x1, y1, x2, y2) in pixels, right and bottom exclusive.
        mask: bools (height, width).
        share: Of the photo's pixels.
    """

    name: str
    box: tuple
    mask: np.ndarray
    share: float


def find_garments(mask, labels, least=0.01):
    """Each label that is worn, as one garment: its largest connected part, and others near as large.

    Args:
        mask: Label numbers, (height, width), as `fashion_tf.parse` gives them.
        labels: The labels' names.
        least: Share of the photo's pixels below which nothing is a garment: a parser's specks.

    Returns:
        A list of `Found`, the largest first; empty where nobody is dressed.

    Taught in: 43_describe_an_outfit.ipynb
    """
    found = []
    for number, name in enumerate(labels):
        if not set(name.lower().split("/")) & WORN:
            continue
        # An open coat is two halves; a speck on the wall is none of it.
        kept = without_specks(mask == number, 1 / 4)
        share = float(kept.mean())
        if not share or share < least:
            continue
        found.append(Found(name, box_of(kept), kept, share))
    return sorted(found, key=lambda garment: -garment.share)
