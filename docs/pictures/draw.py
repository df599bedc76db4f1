#!/usr/bin/env python
"""Draws the pictures of README and of the book's first page, from a run of the course.

    python docs/pictures/draw.py RUN

RUN is a folder that `fashion-tf run` wrote; lesson 51 left a parser there.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from fashion_tf import wardrobe
from fashion_tf.terminal import import_tensorflow

HERE = Path(__file__).resolve().parent
SEED, SIDE = 5, 190


def draw_wardrobe():
    """People in all kinds of clothes and places above, the shop's pictures below."""
    rng = np.random.default_rng(SEED)
    styles = ("street", "lolita", "conservative", "rock", "ethnic", "retro")
    people = [wardrobe.draw_person(rng, (2 * SIDE, SIDE), style=style).image for style in styles]
    products = [wardrobe.draw_product(article, rng, SIDE).image for article in (
        "Casual Shoes", "Tshirts", "Handbags", "Watches", "Dresses", "Sunglasses")]
    picture = np.concatenate([np.concatenate(people, 1), np.concatenate(products, 1)])
    Image.fromarray(picture).save(HERE / "wardrobe.jpg", quality=82, optimize=True)


def draw_parsed(parser):
    """People that no training saw, and what the parser labels on them."""
    import fashion_tf
    from fashion_tf import plots, predictor

    import_tensorflow()
    rng = np.random.default_rng(SEED + 1)
    photos = [wardrobe.draw_person(rng, (300, 200)).image for _ in range(5)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number}.png" for number in range(len(photos))]
        for path, photo in zip(paths, photos):
            Image.fromarray(photo).save(path)
        masks = fashion_tf.parse(parser, paths)
    figure = plots.show_masks(photos, masks, list(predictor.load_predictor(parser).classes), size=1.5)
    figure.savefig(HERE / "parsed.jpg", dpi=96, pil_kwargs={"quality": 85, "optimize": True})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    import matplotlib

    matplotlib.use("Agg")
    draw_wardrobe()
    draw_parsed(Path(sys.argv[1]) / "work" / "51" / "parsing" / "parser")


if __name__ == "__main__":
    main()
